/** Listeners by event. If one throws, the others are still called; its error is reported as uncaught. */
export interface Listeners<Events> {
  on<E extends keyof Events>(name: E, listener: (event: Events[E]) => void): () => void;
  emit<E extends keyof Events>(name: E, event: Events[E]): void;
}

export function createListeners<Events>(): Listeners<Events> {
  /** One entry per call, so that a listener can be subscribed twice and each subscription is removed on its own. */
  const entries = new Set<readonly [keyof Events, (event: never) => void]>();
  return {
    on(name, listener) {
      const entry = [name, listener] as const;
      entries.add(entry);
      return () => void entries.delete(entry);
    },
    emit(name, event) {
      for (const [subscribed, listener] of [...entries])
        if (subscribed === name) callListener(listener as (value: typeof event) => void, event);
    },
  };
}

/** Calls `listener`; reports what it throws as an uncaught error. */
export function callListener<T>(listener: (value: T) => void, value: T): void {
  try {
    listener(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
