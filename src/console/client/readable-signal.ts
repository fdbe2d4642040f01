import { type ReadonlySignal, signal } from "@preact/signals";
import type { Readable } from "../../client/index.ts";
import type { RenderScheduler } from "../shell/render-scheduler.ts";

/** A readable of the client library as a signal, which is set with each redraw, and the function that ends it. */
export interface ReadableSignal<T> {
  readonly signal: ReadonlySignal<T>;
  end(): void;
}

export function createReadableSignal<T>(
  readable: Readable<T>,
  scheduler: RenderScheduler,
): ReadableSignal<T> {
  const shown = signal(readable.getSnapshot());
  const show = () => {
    shown.value = readable.getSnapshot();
  };
  return { signal: shown, end: readable.subscribe(() => scheduler.schedule(show)) };
}
