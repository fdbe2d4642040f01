// How a check ends that does not pass.

/** The server breaks the rule; the message says what it did. */
export class RuleViolated extends Error {}

/** The rule cannot be checked on this server; the message says why. */
export class RuleSkipped extends Error {}

/** Throws RuleViolated with `message` where `holds` is false. */
export function assert(holds: boolean, message: string | (() => string)): asserts holds {
  if (!holds) throw new RuleViolated(typeof message === "string" ? message : message());
}

/** Throws RuleViolated where `actual` differs from `expected`; both are shown as JSON. */
export function assertEqual(what: string, actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new RuleViolated(`${what}: expected ${b}, saw ${a ?? "nothing"}.`);
}
