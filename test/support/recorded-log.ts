import type { Log, LogFields } from "../../src/server/log.ts";

export interface LoggedLine {
  readonly level: keyof Log;
  readonly event: string;
  readonly fields: LogFields;
}

/** A log that keeps its lines, for tests of what is written and of what must never be. */
export class RecordedLog implements Log {
  readonly lines: LoggedLine[] = [];

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
    return this.lines.map(({ event }) => event);
  }

  private record(level: keyof Log, event: string, fields: LogFields = {}): void {
    this.lines.push({ level, event, fields });
  }
}
