import type { TestContext } from "./context.ts";

/** Tests one observable aspect of a numbered rule of docs/PROTOCOL.md. */
export interface Check {
  /** The rule's id, `D1`. */
  readonly rule: string;
  /** What is checked, in a few words. */
  readonly what: string;
  /**
   * Checks that take seconds and cost no requests run in parallel after the others, so that a run stays short.
   */
  readonly slow?: true;
  /** Resolves if the server keeps the rule; throws `RuleViolated` if not, `RuleSkipped` if that cannot be tested here. */
  readonly run: (context: TestContext) => Promise<void>;
}
