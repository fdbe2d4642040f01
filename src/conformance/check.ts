import type { World } from "./world.ts";

/** One thing that can be seen from outside about one numbered rule of docs/PROTOCOL.md. */
export interface Check {
  /** The rule's id, `D1`. */
  readonly rule: string;
  /** What is looked at, in a few words. */
  readonly what: string;
  /**
   * Checks that take seconds and cost no requests run side by side after the others, so that a run stays short.
   */
  readonly slow?: true;
  /** Ends quietly when the rule is kept; throws `Broken` when it is not, `Skipped` when it cannot be seen here. */
  readonly run: (world: World) => Promise<void>;
}

/** The server breaks the rule; the message says what was seen. */
export class Broken extends Error {}

/** The rule cannot be looked at on this server; the message says why. */
export class Skipped extends Error {}

/** Throws `Broken` with `seen` where `holds` is false. */
export function must(holds: boolean, seen: string | (() => string)): asserts holds {
  if (!holds) throw new Broken(typeof seen === "string" ? seen : seen());
}

/** Throws `Broken` where `seen` is not `wanted`; both are shown as JSON. */
export function mustBe(what: string, seen: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(wanted)];
  if (a !== b) throw new Broken(`${what}: expected ${b}, saw ${a ?? "nothing"}.`);
}
