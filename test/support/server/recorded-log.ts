import { type Emit, type EventName, eventDefinition } from "../../../src/core/events/events.ts";
import type { Log, LogFields } from "../../../src/server/log/log.ts";

export interface LogEntry {
  readonly level: keyof Log;
  readonly event: string;
  readonly fields: LogFields;
}

/** A log that keeps its lines, for tests of what is logged and of what must never be. */
export class RecordedLog implements Log {
  readonly entries: LogEntry[] = [];

  /** Records an event. Throws when it has a field that its definition lacks, or lacks one that it must have. */
  readonly emit: Emit = (name, fields) => {
    checkFields(name, fields);
    this[eventDefinition(name).level](name, fields);
  };

  debug(event: string, fields?: LogFields): void {
    this.record("debug", event, fields);
  }

  info(event: string, fields?: LogFields): void {
    this.record("info", event, fields);
  }

  warn(event: string, fields?: LogFields): void {
    this.record("warn", event, fields);
  }

  error(event: string, fields?: LogFields): void {
    this.record("error", event, fields);
  }

  events(): string[] {
    return this.entries.map(({ event }) => event);
  }

  private record(level: keyof Log, event: string, fields: LogFields = {}): void {
    this.entries.push({ level, event, fields });
  }
}

/** Compares the fields of an event with its definition: spread objects can bring fields that no type catches. */
export function checkFields(name: EventName, fields: LogFields): void {
  const { fields: declared } = eventDefinition(name);
  const given = Object.keys(fields).filter((field) => fields[field] !== undefined);
  const undeclared = given.filter((field) => !declared.some((one) => one === field || one === `${field}?`));
  const missing = declared.filter((field) => !field.endsWith("?") && !given.includes(field));
  if (undeclared.length + missing.length > 0)
    throw new Error(`${name}: undeclared fields [${undeclared}], missing fields [${missing}]`);
}
