// The plan of an erasure (docs/decisions/0040-erase-a-person.md): its steps, how far it has come, and its report.
import { type LeavingStore, leaveConversation } from "../members/account-removal.ts";
import { OPERATOR } from "../members/standing.ts";

/**
 * The steps, in their order. After the first one the person can store nothing, and what is found by the name is changed before the
 * name goes.
 *
 * Only an API key can use the name meanwhile: post as the user, or make it a member. Such a membership is ended as all others are when
 * `forget` and `purge` find it (`endMembership`). What comes after they have looked is of a new person of this name, and stays: with its
 * name and its text, so that the next erasure finds it.
 */
export const ERASURE_STEPS = ["sign_out", "leave", "account", "forget", "messages", "purge"] as const;

export type ErasureStep = (typeof ERASURE_STEPS)[number];

/** What was erased so far, by the kind of data. */
export type ErasureCounts = Readonly<Record<string, number>>;

/** The erasure of one person, as it is stored: after a crash it goes on from here. */
export interface Erasure {
  readonly id: string;
  /** Undefined when it has ended: its report is kept, and the name is not. */
  readonly user: string | undefined;
  /** `done`: it has ended. */
  readonly step: ErasureStep | "done";
  /** Where the step goes on; undefined: at its beginning. */
  readonly after: string | undefined;
  readonly counts: ErasureCounts;
  /** In milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt?: number;
}

/**
 * Ends a membership that an erasure finds beside its step `leave`. Deleting what is stored of it would leave the numbers of members and
 * owners too high, and the name known where members are remembered. Throws where others change the conversation all the time.
 */
export async function endMembership(
  members: Omit<LeavingStore, "conversationsOf">,
  conversation: string,
  user: string,
): Promise<void> {
  if (!(await leaveConversation(members, conversation, user, OPERATOR))) throw contendedMembers(conversation);
}

/** The error where others change the members of a conversation all the time. The erasure goes on later. */
export function contendedMembers(conversation: string): Error {
  return new Error(`The members of ${conversation} are being changed by others all the time.`);
}

/** What a part of a step has done. */
export interface PartDone {
  readonly counts: ErasureCounts;
  /** Where the step goes on; undefined: it is done. */
  readonly next: string | undefined;
}

export function beginErasure(id: string, user: string, now: number): Erasure {
  return { id, user, step: ERASURE_STEPS[0], after: undefined, counts: {}, startedAt: now };
}

/** Returns the erasure after a part of its present step. */
export function advance(erasure: Erasure, { counts, next }: PartDone, now: number): Erasure {
  const sum: Record<string, number> = { ...erasure.counts };
  for (const [kind, count] of Object.entries(counts)) if (count > 0) sum[kind] = (sum[kind] ?? 0) + count;
  if (next !== undefined) return { ...erasure, counts: sum, after: next };
  const following = ERASURE_STEPS[ERASURE_STEPS.indexOf(erasure.step as ErasureStep) + 1];
  if (following === undefined)
    return { ...erasure, counts: sum, after: undefined, user: undefined, step: "done", endedAt: now };
  return { ...erasure, counts: sum, after: undefined, step: following };
}

/** How far an erasure has come, without the name of the person. Moments are in milliseconds since 1970. */
export interface ErasureReport {
  readonly id: string;
  readonly state: "running" | "done";
  readonly step?: ErasureStep;
  readonly erased: Record<string, number>;
  readonly started_at: number;
  readonly ended_at?: number;
}

/** The report of an erasure, over HTTP and with `--json`. */
export function reportOf({ id, step, counts, startedAt, endedAt }: Erasure): ErasureReport {
  return {
    id,
    state: step === "done" ? "done" : "running",
    ...(step !== "done" && { step }),
    erased: { ...counts },
    started_at: startedAt,
    ...(endedAt !== undefined && { ended_at: endedAt }),
  };
}
