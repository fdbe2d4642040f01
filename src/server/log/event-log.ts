import type { EventListener } from "../../core/events/event-bus.ts";
import { eventDefinition } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { deduplicated } from "./deduplicating-log.ts";
import type { LogLevel } from "./levels.ts";
import type { Log } from "./log.ts";

/** The log as a listener of events. */
export interface EventLog {
  readonly listener: EventListener;
  /** Writes the counts of repeated lines that are still held back. */
  close(): void;
}

/** Returns a listener that writes each event to `log`. */
export function writeEventsTo(log: Log): EventListener {
  return ({ name, fields }) => log[eventDefinition(name).level](name, fields);
}

/** Opens the log of a server: its listener writes each event to `log`, and thins the ones that may repeat. */
export function openEventLog(log: Log, clock: Clock, level: LogLevel): EventLog {
  const thinned = deduplicated(log, clock, level);
  return {
    listener: ({ name, fields }) => {
      const definition = eventDefinition(name);
      (definition.thinned ? thinned : log)[definition.level](name, fields);
    },
    close: () => thinned.close(),
  };
}
