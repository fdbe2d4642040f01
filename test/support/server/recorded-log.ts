import type { Log, LogFields } from "../../../src/server/log/log.ts";

export interface LogEntry {
  readonly level: keyof Log;
  readonly event: string;
  readonly fields: LogFields;
}

/** A log that keeps its lines, for tests of what is logged and of what must never be. */
export class RecordedLog implements Log {
  readonly entries: LogEntry[] = [];

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
