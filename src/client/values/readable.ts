import { callListener } from "./listeners.ts";

/** A value that changes. Neither function uses `this`, so both can be passed on, as `useSyncExternalStore` of React needs. */
export interface Readable<T> {
  /** Calls `listener` with the present value, and with each later one. Returns a function that unsubscribes. */
  subscribe(listener: (value: T) => void): () => void;
  /** Returns the present value: the same object until it changes. */
  getSnapshot(): T;
}

/** A readable, and the function that sets its value. */
export type Writable<T> = readonly [readable: Readable<T>, set: (value: T) => void];

/** `onUse` is called at the first subscription; the function that it returns, after the last one. */
export function createReadable<T>(value: T, onUse?: () => () => void): Writable<T> {
  /** One entry per call, so that a listener can be subscribed twice. */
  const entries = new Set<readonly [(value: T) => void]>();
  let endUse: (() => void) | undefined;
  return [
    {
      subscribe(listener) {
        const entry = [listener] as const;
        if (entries.add(entry).size === 1) endUse = onUse?.();
        callListener(listener, value);
        return () => {
          if (entries.delete(entry) && entries.size === 0) endUse?.();
        };
      },
      getSnapshot: () => value,
    },
    (next) => {
      if (next === value) return;
      value = next;
      for (const [listener] of entries) callListener(listener, next);
    },
  ];
}
