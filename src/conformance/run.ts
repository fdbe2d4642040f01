// Tests a running server against the numbered rules of docs/PROTOCOL.md, over sockets and HTTP like any client. It depends
// on src/protocol only, so that other servers, or proxies in front of one, can be tested, too.
import type { Check } from "./check.ts";
import { CHANGE_CHECKS } from "./checks/changes.ts";
import { DELIVERY_CHECKS } from "./checks/delivery.ts";
import { FRAME_CHECKS } from "./checks/frames.ts";
import { HANDSHAKE_CHECKS } from "./checks/handshake.ts";
import { HTTP_CHECKS } from "./checks/http.ts";
import { INBOX_CHECKS } from "./checks/inbox.ts";
import { MEMBER_CHECKS } from "./checks/members.ts";
import { OPERATOR_CHECKS } from "./checks/operator.ts";
import { PRESENCE_CHECKS } from "./checks/presence.ts";
import { QUOTA_CHECKS } from "./checks/quota.ts";
import { RESUME_CHECKS } from "./checks/resume.ts";
import { STREAM_CHECKS } from "./checks/streams.ts";
import { TIME_CHECKS } from "./checks/time.ts";
import { TOKEN_CHECKS } from "./checks/tokens.ts";
import { USER_SOCKET_CHECKS } from "./checks/user-socket.ts";
import { TestContext, type TestUser } from "./context.ts";
import type { ServerAddress } from "./server-address.ts";
import type { SigningKey } from "./token-signer.ts";
import { UNTESTABLE_RULES } from "./untestable-rules.ts";
import { RuleSkipped, RuleViolated } from "./verdicts.ts";

/** All checks, in the order of the document, followed by the rules that cannot be tested. */
export const CHECKS: readonly Check[] = [
  ...HANDSHAKE_CHECKS,
  ...TOKEN_CHECKS,
  ...FRAME_CHECKS,
  ...DELIVERY_CHECKS,
  ...RESUME_CHECKS,
  ...USER_SOCKET_CHECKS,
  ...CHANGE_CHECKS,
  ...MEMBER_CHECKS,
  ...INBOX_CHECKS,
  ...STREAM_CHECKS,
  ...QUOTA_CHECKS,
  ...PRESENCE_CHECKS,
  ...TIME_CHECKS,
  ...HTTP_CHECKS,
  ...OPERATOR_CHECKS,
  ...UNTESTABLE_RULES,
];

export interface RuleResult {
  readonly rule: string;
  readonly what: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why the check failed or was skipped, for people. */
  readonly reason?: string;
}

export interface ConformanceOptions {
  readonly target: ServerAddress;
  /** Two users with at least 50 requests left in their quota. */
  readonly users: readonly [TestUser, TestUser];
  /** Needed for the rules about tokens. */
  readonly key?: SigningKey;
  /** Needed for the rules about the operator's API. */
  readonly operatorKey?: string;
  /** For a machine that is busy with much else. */
  readonly timeouts?: ConformanceTimeouts;
}

/** The bounds of a run, in milliseconds. */
export interface ConformanceTimeouts {
  /** Longest time that one check may take; the single waits of a check are shorter. */
  readonly checkMs: number;
  /** After it no further check starts: on a server that does not respond each check takes its full time-out. */
  readonly runMs: number;
}

const TIMEOUTS: ConformanceTimeouts = { checkMs: 20_000, runMs: 30_000 };

/** Most sockets opened at once; further ones at one a second, the limit of a server for one address (W5). */
const HANDSHAKE_BURST = 50;

/** Runs all checks and returns their results in order. Takes under half a minute, with a few sockets at a time. */
export async function runConformance(
  options: ConformanceOptions,
  checks: readonly Check[] = CHECKS,
): Promise<RuleResult[]> {
  const results = new Map<Check, RuleResult>();
  const handshakes = createHandshakeLimiter(options.target);
  const { runMs } = options.timeouts ?? TIMEOUTS;
  const end = Date.now() + runMs;
  const names = new Set<string>();
  const tracker: RunTracker = { opened: handshakes.opened, named: (name) => void names.add(name) };
  const runAndStore = async (check: Check) => {
    const isTooLate = Date.now() > end;
    results.set(check, isTooLate ? skippedResult(check, runMs) : await runCheck(options, check, tracker));
  };
  for (const check of checks) {
    if (check.slow) continue;
    await handshakes.ready();
    await runAndStore(check);
  }
  await handshakes.ready();
  await Promise.all(checks.filter(({ slow }) => slow).map(runAndStore));
  await removeConversations(options, names);
  return checks.map((check) => results.get(check)!);
}

/** Callbacks with which a run follows its checks. */
interface RunTracker {
  opened(): void;
  named(conversation: string): void;
}

/** Removes the conversations of the checks. Other servers may not support that, which violates no rule. */
async function removeConversations(
  { target, users: [ann, bob] }: ConformanceOptions,
  names: Iterable<string>,
): Promise<void> {
  const context = new TestContext(target, ann, bob, undefined);
  const remove = (name: string) => context.fetch(`/conversations/${name}`, { method: "DELETE", as: ann });
  await Promise.allSettled([...names].map(remove));
}

function skippedResult({ rule, what }: Check, runMs: number): RuleResult {
  return { rule, what, outcome: "skipped", reason: `the run had already taken ${runMs / 1000} s` };
}

/** Counts the sockets of a run, and delays it before it exceeds the server's limit for one address. */
function createHandshakeLimiter({ http }: ServerAddress) {
  // Loopback addresses are exempt from the limit.
  const isExempt = /^(localhost|127\..*|\[::1\])$/.test(new URL(http).hostname);
  const startedAt = Date.now();
  let count = 0;
  return {
    opened: () => void count++,
    async ready(): Promise<void> {
      const wait = startedAt + (count - HANDSHAKE_BURST) * 1_000 - Date.now();
      if (!isExempt && wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    },
  };
}

async function runCheck(
  { target, users: [ann, bob], key, operatorKey, timeouts: { checkMs } = TIMEOUTS }: ConformanceOptions,
  check: Check,
  { opened, named }: RunTracker,
): Promise<RuleResult> {
  const { rule, what, run } = check;
  const context = new TestContext(target, ann, bob, key, operatorKey, opened, named);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timedOut = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new RuleViolated(`The check took longer than ${checkMs / 1000} s.`)),
      checkMs,
    );
  });
  try {
    await Promise.race([run(context), timedOut]);
    return { rule, what, outcome: "passed" };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { rule, what, outcome: error instanceof RuleSkipped ? "skipped" : "failed", reason };
  } finally {
    clearTimeout(timer);
    await context.close();
  }
}
