import type { Emit, EventName, ServerEvent } from "./events.ts";

/** Is called for each event, in the order in which they happen. It MUST be quick and MUST NOT throw. */
export type EventListener = (event: ServerEvent) => void;

/** Passes each event on to all listeners: the log, and whatever else counts or forwards events. */
export class EventBus {
  private listeners: readonly EventListener[] = [];

  /** Calls the listeners, in the order in which they subscribed. It needs no `this`, so that it can be passed on. */
  readonly emit: Emit = (name: EventName, fields: ServerEvent["fields"]) => {
    const event = { name, fields } as ServerEvent;
    for (const listener of this.listeners) listener(event);
  };

  /** Adds a listener; returns a function that takes it away. */
  subscribe(listener: EventListener): () => void {
    this.listeners = [...this.listeners, listener];
    return () => {
      this.listeners = this.listeners.filter((other) => other !== listener);
    };
  }
}
