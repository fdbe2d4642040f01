// Runs the numbered rules of docs/PROTOCOL.md against a running server, from outside: over sockets and HTTP, as any
// client would. It knows src/protocol and nothing of this server, so that another server, or a proxy in front of one,
// can be held to the same rules.
import type { Check } from "./check.ts";
import { DELIVERY_CHECKS } from "./checks/delivery.ts";
import { FRAME_CHECKS } from "./checks/frames.ts";
import { HANDSHAKE_CHECKS } from "./checks/handshake.ts";
import { HTTP_CHECKS } from "./checks/http.ts";
import { PRESENCE_CHECKS } from "./checks/presence.ts";
import { QUOTA_CHECKS } from "./checks/quota.ts";
import { RESUME_CHECKS } from "./checks/resume.ts";
import { TIME_CHECKS } from "./checks/time.ts";
import { TOKEN_CHECKS } from "./checks/tokens.ts";
import { UNTESTABLE_RULES } from "./checks/untestable-rules.ts";
import { TestContext, type TestUser } from "./context.ts";
import type { ServerAddress } from "./server-address.ts";
import type { SigningKey } from "./token-signer.ts";
import { RuleSkipped, RuleViolated } from "./verdicts.ts";

/** Every check, in the order of the document; after them the rules that cannot be looked at. */
export const CHECKS: readonly Check[] = [
  ...HANDSHAKE_CHECKS,
  ...TOKEN_CHECKS,
  ...FRAME_CHECKS,
  ...DELIVERY_CHECKS,
  ...RESUME_CHECKS,
  ...QUOTA_CHECKS,
  ...PRESENCE_CHECKS,
  ...TIME_CHECKS,
  ...HTTP_CHECKS,
  ...UNTESTABLE_RULES,
];

export interface RuleResult {
  readonly rule: string;
  readonly what: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped, for people. */
  readonly reason?: string;
}

export interface ConformanceOptions {
  readonly target: ServerAddress;
  /** Two users with room in their plans for 40 requests each. */
  readonly users: readonly [TestUser, TestUser];
  /** With it, rules about tokens are checked too. */
  readonly key?: SigningKey;
}

/** Longest that one check may take, in milliseconds; each waits less for what it waits for. */
const CHECK_TIMEOUT_MS = 20_000;

/** After so long no further check is begun, in milliseconds: a server that answers nothing costs each its patience. */
const RUN_TIMEOUT_MS = 30_000;

/** Sockets that are opened at once at most; after them one a second, as a server allows one address (W5). */
const HANDSHAKE_BURST = 50;

/** Runs all checks and answers what came of each, in their order. Under half a minute; a few sockets at a time. */
export async function runConformance(
  options: ConformanceOptions,
  checks: readonly Check[] = CHECKS,
): Promise<RuleResult[]> {
  const results = new Map<Check, RuleResult>();
  const handshakes = createHandshakeLimiter(options.target);
  const end = Date.now() + RUN_TIMEOUT_MS;
  const names = new Set<string>();
  const tracker: RunTracker = { opened: handshakes.opened, named: (name) => void names.add(name) };
  const runAndStore = async (check: Check) => {
    const isTooLate = Date.now() > end;
    results.set(check, isTooLate ? skippedResult(check) : await runCheck(options, check, tracker));
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

/** What a run keeps of what its checks do. */
interface RunTracker {
  opened(): void;
  named(conversation: string): void;
}

/** Removes what the checks left. Another server may not know how, which breaks no rule. */
async function removeConversations(
  { target, users: [ann, bob] }: ConformanceOptions,
  names: Iterable<string>,
): Promise<void> {
  const context = new TestContext(target, ann, bob, undefined);
  const remove = (name: string) => context.fetch(`/conversations/${name}`, { method: "DELETE", as: ann });
  await Promise.allSettled([...names].map(remove));
}

function skippedResult({ rule, what }: Check): RuleResult {
  return { rule, what, outcome: "skipped", reason: `the run had taken ${RUN_TIMEOUT_MS / 1000} s by then` };
}

/** Counts the sockets of a run, and has it wait before it opens more than a server takes of one address. */
function createHandshakeLimiter({ http }: ServerAddress) {
  // Loopback addresses are free of the limit.
  const free = /^(localhost|127\..*|\[::1\])$/.test(new URL(http).hostname);
  const begun = Date.now();
  let count = 0;
  return {
    opened: () => void count++,
    async ready(): Promise<void> {
      const wait = begun + (count - HANDSHAKE_BURST) * 1_000 - Date.now();
      if (!free && wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    },
  };
}

async function runCheck(
  { target, users: [ann, bob], key }: ConformanceOptions,
  check: Check,
  { opened, named }: RunTracker,
): Promise<RuleResult> {
  const { rule, what, run } = check;
  const context = new TestContext(target, ann, bob, key, opened, named);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timedOut = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new RuleViolated(`It took longer than ${CHECK_TIMEOUT_MS / 1000} s.`)),
      CHECK_TIMEOUT_MS,
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
