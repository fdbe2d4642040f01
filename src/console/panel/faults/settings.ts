// The options of the faults, as text of their fields.
import { type Signal, signal } from "@preact/signals";
import { CLOSE_CODES } from "../../../protocol/close-codes.ts";

export interface FaultSettings {
  /** Seconds. */
  readonly freeze: Signal<string>;
  /** Seconds. */
  readonly freezeWriter: Signal<string>;
  /** Milliseconds. */
  readonly delay: Signal<string>;
  readonly lose: Signal<string>;
  readonly count: Signal<string>;
  readonly code: Signal<string>;
}

export function createFaultSettings(): FaultSettings {
  return {
    freeze: signal("10"),
    freezeWriter: signal("20"),
    delay: signal("400"),
    lose: signal("ack"),
    count: signal("1"),
    code: signal("4408"),
  };
}

/** Close codes that can be requested from the server, with their reasons; the last one is not in the catalogue. */
export function closeChoices(): readonly (readonly [code: string, reason: string])[] {
  const known = Object.entries(CLOSE_CODES).filter(
    ([code]) => ["1000", "1001", "1011", "1012", "1013"].includes(code) || code >= "4400",
  );
  return [...known.map(([code, { reason }]) => [code, reason] as const), ["4499", "a code of no name"]];
}
