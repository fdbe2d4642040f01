// Runs the numbered rules of docs/PROTOCOL.md against a running server, from outside: over sockets and HTTP, as any
// client would. It knows src/protocol and nothing of this server, so that another server, or a proxy in front of one,
// can be held to the same rules.
import { Broken, type Check, Skipped } from "./check.ts";
import { DELIVERY_CHECKS } from "./delivery.ts";
import { FRAME_CHECKS } from "./frames.ts";
import { HANDSHAKE_CHECKS } from "./handshake.ts";
import { HTTP_CHECKS } from "./http.ts";
import { PRESENCE_CHECKS } from "./presence.ts";
import { QUOTA_CHECKS } from "./quota.ts";
import { RESUME_CHECKS } from "./resume.ts";
import type { SigningKey } from "./signer.ts";
import type { Target } from "./target.ts";
import { TIME_CHECKS } from "./time.ts";
import { TOKEN_CHECKS } from "./tokens.ts";
import { UNSEEN_RULES } from "./unseen.ts";
import { type Person, World } from "./world.ts";

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
  ...UNSEEN_RULES,
];

export interface Result {
  readonly rule: string;
  readonly what: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped, for people. */
  readonly reason?: string;
}

export interface Subject {
  readonly target: Target;
  /** Two users with room in their plans for 40 requests each. */
  readonly people: readonly [Person, Person];
  /** With it, rules about tokens are checked too. */
  readonly key?: SigningKey;
}

/** Longest that one check may take, in milliseconds; each waits less for what it waits for. */
const LONGEST = 20_000;

/** After so long no further check is begun, in milliseconds: a server that answers nothing costs each its patience. */
const LONGEST_RUN = 30_000;

/** Sockets that are opened at once at most; after them one a second, as a server allows one address (W5). */
const HANDSHAKES_AT_ONCE = 50;

/** Runs all checks and answers what came of each, in their order. Under half a minute; a few sockets at a time. */
export async function runConformance(subject: Subject, checks: readonly Check[] = CHECKS): Promise<Result[]> {
  const results = new Map<Check, Result>();
  const pace = createPace(subject.target);
  const end = Date.now() + LONGEST_RUN;
  const names = new Set<string>();
  const seen: Seen = { opened: pace.opened, named: (name) => void names.add(name) };
  const keep = async (check: Check) => {
    const late = Date.now() > end;
    results.set(check, late ? skipped(check) : await runCheck(subject, check, seen));
  };
  for (const check of checks) {
    if (check.slow) continue;
    await pace.ready();
    await keep(check);
  }
  await pace.ready();
  await Promise.all(checks.filter(({ slow }) => slow).map(keep));
  await removeAll(subject, names);
  return checks.map((check) => results.get(check)!);
}

/** What a run keeps of what its checks do. */
interface Seen {
  opened(): void;
  named(conversation: string): void;
}

/** Removes what the checks left. Another server may not know how, which breaks no rule. */
async function removeAll({ target, people: [ann, bob] }: Subject, names: Iterable<string>): Promise<void> {
  const world = new World(target, ann, bob, undefined);
  const remove = (name: string) => world.fetch(`/conversations/${name}`, { method: "DELETE", as: ann });
  await Promise.allSettled([...names].map(remove));
}

function skipped({ rule, what }: Check): Result {
  return { rule, what, outcome: "skipped", reason: `the run had taken ${LONGEST_RUN / 1000} s by then` };
}

/** Counts the sockets of a run, and has it wait before it opens more than a server takes of one address. */
function createPace({ http }: Target) {
  // Loopback addresses are free of the limit.
  const free = /^(localhost|127\..*|\[::1\])$/.test(new URL(http).hostname);
  const begun = Date.now();
  let count = 0;
  return {
    opened: () => void count++,
    async ready(): Promise<void> {
      const wait = begun + (count - HANDSHAKES_AT_ONCE) * 1_000 - Date.now();
      if (!free && wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    },
  };
}

async function runCheck(
  { target, people: [ann, bob], key }: Subject,
  check: Check,
  { opened, named }: Seen,
): Promise<Result> {
  const { rule, what, run } = check;
  const world = new World(target, ann, bob, key, opened, named);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Broken(`It took longer than ${LONGEST / 1000} s.`)), LONGEST);
  });
  try {
    await Promise.race([run(world), late]);
    return { rule, what, outcome: "passed" };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { rule, what, outcome: error instanceof Skipped ? "skipped" : "failed", reason };
  } finally {
    clearTimeout(timer);
    await world.close();
  }
}
