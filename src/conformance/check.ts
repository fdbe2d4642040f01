import type { TestContext } from "./context.ts";

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
  readonly run: (world: TestContext) => Promise<void>;
}

/** The server breaks the rule; the message says what was seen. */
export class RuleViolated extends Error {}

/** The rule cannot be looked at on this server; the message says why. */
export class RuleSkipped extends Error {}

/** Throws `Broken` with `seen` where `holds` is false. */
export function assert(holds: boolean, message: string | (() => string)): asserts holds {
  if (!holds) throw new RuleViolated(typeof message === "string" ? message : message());
}

/** Throws `Broken` where `seen` is not `wanted`; both are shown as JSON. */
export function assertEqual(what: string, actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new RuleViolated(`${what}: expected ${b}, saw ${a ?? "nothing"}.`);
}
