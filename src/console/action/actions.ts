import { type ReadonlySignal, signal } from "@preact/signals";
import type { TestClient } from "../client/test-client.ts";
import { explainError } from "../format.ts";
import type { Announcer } from "../shell/announcer.ts";
import type { Workbench } from "../shell/workbench.ts";
import type { Action } from "./action.ts";

/** An action that was carried out, or a message. */
export interface ShownAction {
  readonly action: Action;
  readonly client: TestClient;
  /** The frames from this number on may belong to it. */
  readonly since: number;
}

/** Carries out actions, reports what came of them, and shows how the same is done in code. */
export interface Actions {
  /** The action whose code is shown. */
  readonly shown: ReadonlySignal<ShownAction | undefined>;
  /**
   * Runs an action and announces the result. Resolves with undefined if it failed, which was announced, too: with the reason, or as
   * `failure` where the page shows the reason elsewhere.
   */
  perform<T>(
    client: TestClient,
    action: Action,
    run: () => Promise<T>,
    failure?: string,
  ): Promise<T | true | undefined>;
  /** Shows the code of an action; without one, of the last that was carried out. */
  show(shown?: ShownAction): void;
  hide(): void;
  /** Returns the number of the newest frame of an action; undefined if the timeline has none. */
  frameOf(shown: ShownAction): number | undefined;
}

export function createActions(workbench: Workbench, announcer: Announcer): Actions {
  const shown = signal<ShownAction | undefined>(undefined);
  let last: ShownAction | undefined;

  function show(next = last): void {
    if (next === undefined) announcer.announce("Nothing was done yet that can be shown");
    else shown.value = next;
  }

  return {
    shown,
    show,
    hide() {
      shown.value = undefined;
    },
    async perform(client, action, run, failure) {
      const since = workbench.frames.last + 1;
      try {
        const result = await run();
        const done = { action, client, since };
        last = done;
        announcer.announce(action.title, { label: "Show how", run: () => show(done) });
        return result ?? true;
      } catch (error) {
        const { code = "internal", message = String(error) } = error as { code?: string; message?: string };
        announcer.announce(failure ?? `Not done: ${explainError({ code, message })}`);
        return undefined;
      }
    },
    frameOf({ action, client, since }) {
      const { frames } = workbench;
      for (let number = Math.max(since, frames.first); number <= frames.last; number++) {
        const frame = frames.get(number);
        if (frame !== undefined && frame.client === client.id && action.matches(frame)) return number;
      }
      return undefined;
    },
  };
}
