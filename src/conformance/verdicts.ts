// The errors with which a check fails or is skipped, and its assertions.

/** The server violates the rule; the message describes what was received. */
export class RuleViolated extends Error {}

/** The rule cannot be tested on this server; the message gives the reason. */
export class RuleSkipped extends Error {}

/** Throws `RuleViolated` with `message` if `holds` is false. */
export function assert(holds: boolean, message: string | (() => string)): asserts holds {
  if (!holds) throw new RuleViolated(typeof message === "string" ? message : message());
}

/** Throws `RuleViolated` if `actual` is not `expected`; both are shown as JSON. */
export function assertEqual(what: string, actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new RuleViolated(`${what}: expected ${b}, got ${a ?? "nothing"}.`);
}
