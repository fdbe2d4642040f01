import type { FieldName } from "./fields.ts";

/** How important an event is. `debug`: of interest to a developer. `error`: an operator must act. */
export type EventLevel = "debug" | "info" | "warn" | "error";

/** What is known of one kind of event. */
export interface EventDefinition {
  readonly level: EventLevel;
  /** Its fields; one with a question mark can be missing. */
  readonly fields: readonly (FieldName | `${FieldName}?`)[];
  /** What happened, and what to do, in Markdown, for docs/LOG.md. */
  readonly text: string;
  /** An operator has to look into it at once. */
  readonly urgent?: true;
  /** A client can cause it as often as it likes, or it repeats as long as a disk is full: the log thins lines that repeat. */
  readonly thinned?: true;
}

export type EventDefinitions = Readonly<Record<string, EventDefinition>>;
