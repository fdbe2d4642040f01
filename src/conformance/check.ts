import type { TestContext } from "./context.ts";

/** Checks from outside one thing about one numbered rule of docs/PROTOCOL.md. */
export interface Check {
  /** The rule's id, `D1`. */
  readonly rule: string;
  /** What the check tests, in a few words. */
  readonly what: string;
  /**
   * Checks that take seconds and cost no requests run side by side after the others, so that a run stays short.
   */
  readonly slow?: true;
  /** Ends quietly when the rule is kept; throws RuleViolated when it is not, RuleSkipped when it cannot be checked here. */
  readonly run: (world: TestContext) => Promise<void>;
}
