import type { Change } from "../../core/changes/decide-change.ts";
import type { Emit } from "../../core/events/events.ts";
import { leaveConversations } from "../../core/members/account-removal.ts";
import { OPERATOR } from "../../core/members/standing.ts";
import { ERASED_USER } from "../../core/person/erased-user.ts";
import {
  advance,
  contendedMembers,
  type Erasure,
  type ErasureStep,
  type PartDone,
} from "../../core/person/erasure.ts";
import type { PersonRecord } from "../../core/person/records.ts";
import type { AccountStore } from "../../core/ports/accounts.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { MemberStore } from "../../core/ports/conversation/members.ts";
import type { Engine } from "../../core/ports/engine.ts";
import type { PersonStore } from "../../core/ports/person/person-store.ts";
import type { RevocationStore } from "../../core/ports/revocations.ts";

export interface ErasePersonDeps {
  readonly persons: PersonStore;
  readonly accounts: Pick<AccountStore, "update" | "remove">;
  readonly revocations: Pick<RevocationStore, "revokeUser">;
  readonly members: MemberStore;
  readonly engine: Pick<Engine, "changes" | "streams">;
  readonly clock: Pick<Clock, "now" | "wall">;
  readonly emit: Emit;
  /** How long after the sign-out requests of the user may still be under way on some node, in milliseconds. */
  readonly settleMs?: number;
}

/** The ports promise that a revocation is known on every node within a second. */
const SETTLE_MS = 1_500;

/** How often the progress is stored while a step goes on, in milliseconds. Each part can be done again. */
const SAVE_INTERVAL_MS = 500;

/** The longest pause between two parts, in milliseconds. A pause is as long as the part before it, so others get half of the time. */
const MAX_PAUSE_MS = 50;

/**
 * Carries out an erasure from where it is, until it has ended or `signal` is aborted. Returns how far it has come. Throws where the
 * store cannot be used; then the next call goes on.
 */
export async function erasePerson(
  deps: ErasePersonDeps,
  begun: Erasure,
  signal?: AbortSignal,
): Promise<Erasure> {
  let erasure = begun;
  let savedAt = performance.now();
  while (erasure.step !== "done" && !signal?.aborted) {
    const startedAt = performance.now();
    const { step } = erasure;
    const part = await STEPS[step](deps, erasure.user!, erasure.after);
    erasure = advance(erasure, part, deps.clock.wall());
    const now = performance.now();
    if (erasure.step !== step || now - savedAt >= SAVE_INTERVAL_MS) {
      await deps.persons.save(erasure);
      savedAt = now;
    }
    await Bun.sleep(Math.min(now - startedAt, MAX_PAUSE_MS));
  }
  if (erasure.step === "done") deps.emit("person.erased", { erasure: erasure.id });
  return erasure;
}

type StepTask = (deps: ErasePersonDeps, user: string, after: string | undefined) => Promise<PartDone>;

const STEPS: Readonly<Record<ErasureStep, StepTask>> = {
  sign_out: signOut,
  leave,
  account: removeAccount,
  forget: ({ persons }, user, after) => persons.forget(user, after),
  messages: changeMessages,
  purge,
};

/** From now on no token of the user is accepted, and nothing is written in its name. */
async function signOut(
  { accounts, revocations, engine, clock, settleMs = SETTLE_MS }: ErasePersonDeps,
  user: string,
): Promise<PartDone> {
  await accounts.update(user, { disabled: true });
  await revocations.revokeUser(user, clock.wall());
  await Bun.sleep(settleMs);
  // Their texts become messages, which are erased as all others.
  await engine.streams.refuse(user, undefined);
  return { counts: {}, next: undefined };
}

async function leave({ members }: ErasePersonDeps, user: string): Promise<PartDone> {
  const left = await leaveConversations(members, user, OPERATOR);
  if (left.outcome === "contended") throw contendedMembers(left.conversation);
  return { counts: { conversations_left: left.conversations }, next: undefined };
}

async function removeAccount({ accounts }: ErasePersonDeps, user: string): Promise<PartDone> {
  return { counts: { accounts: (await accounts.remove(user)) ? 1 : 0 }, next: undefined };
}

/** Changes the messages that a part of the export has: everybody who has their conversation open sees it. */
async function changeMessages(
  deps: ErasePersonDeps,
  user: string,
  after: string | undefined,
): Promise<PartDone> {
  const { records, next } = await deps.persons.read(user, after);
  const counts: Record<string, number> = {};
  const changes = records.flatMap((record) => {
    const change = changeFor(record, user);
    return change === undefined ? [] : [{ record, change }];
  });
  await Promise.all(
    changes.map(async ({ record, change }) => {
      await carryOut(deps, change);
      const kind = `${record.type}s`;
      counts[kind] = (counts[kind] ?? 0) + 1;
    }),
  );
  return { counts, next };
}

/** Removes copies. Messages that have come since they were looked for are forgotten first. */
async function purge(deps: ErasePersonDeps, user: string, after: string | undefined): Promise<PartDone> {
  const { counts, next, found = [] } = await deps.persons.purge(user, after);
  await Promise.all(
    found.map(({ conversation, seq }) => carryOut(deps, forgetting(conversation, seq, user))),
  );
  return { counts: { ...counts, messages: found.length }, next };
}

interface PlacedChange {
  readonly conversation: string;
  readonly seq: number;
  readonly user: string;
  readonly change: Change;
}

/** Returns the change that takes the person out of a message; undefined for what is no message. */
function changeFor(record: PersonRecord, user: string): PlacedChange | undefined {
  if (record.type !== "message" && record.type !== "erasure" && record.type !== "reaction") return undefined;
  const { conversation, seq } = record;
  if (record.type === "reaction")
    return { conversation, seq, user, change: { kind: "react", reaction: record.reaction, on: false } };
  return forgetting(conversation, seq, user);
}

function forgetting(conversation: string, seq: number, user: string): PlacedChange {
  return { conversation, seq, user: ERASED_USER, change: { kind: "forget", user, seq } };
}

function carryOut({ engine }: ErasePersonDeps, { user, ...change }: PlacedChange): Promise<void> {
  const request = { ...change, user, limit: 0, exempt: true, moderates: true };
  return new Promise((resolve, reject) =>
    engine.changes.change(request, ({ outcome }) =>
      // Anything else means that the message is not there any more, or that this was done before.
      outcome === "unavailable" ? reject(new Error("A message could not be changed.")) : resolve(),
    ),
  );
}
