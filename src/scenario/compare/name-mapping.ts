import type { Recording } from "../format/recording.ts";

/** Which users and conversations replace the recorded ones in this run. */
export interface IdentityMapping {
  /** Recorded user → the user of this run; a missing user stays the same. */
  readonly users: ReadonlyMap<string, string>;
  /** Recorded conversation → that of this run. */
  readonly conversations: ReadonlyMap<string, string>;
  /** Appended to message ids, so that a conversation that already has these ids does not treat them as repeats (D3). */
  readonly idSuffix?: string;
}

/** Frames whose `id` is that of a message. */
const NAMED: ReadonlySet<unknown> = new Set(["message", "stream_start"]);

/** Longest message id that the protocol allows. */
const MAX_ID_LENGTH = 64;

/**
 * Maps names, numbers and epochs of the recording to those of the run. A mapping that is not known in advance is learned
 * from the first frame that contains it, and must stay the same from then on.
 */
export class NameMapping {
  private readonly sent: ReadonlyMap<string, string>;
  private readonly sentInRun: ReadonlySet<string>;
  private readonly ids = new Bijection();
  private readonly epochs = new Bijection();
  /** By epoch key (a conversation and an epoch): how much larger a `seq` is in the run. */
  private readonly offsets = new Map<string, number>();
  /** By epoch key: the newest `seq` when the recording, and the run, connected. Older messages are not from their clients. */
  private readonly bases = new Map<string, { readonly recorded: number; readonly received: number }>();

  constructor(
    recording: Recording,
    private readonly identities: IdentityMapping,
  ) {
    this.sent = sentIds(recording, identities.idSuffix);
    this.sentInRun = new Set(this.sent.values());
  }

  user(recorded: string): string {
    return this.identities.users.get(recorded) ?? recorded;
  }

  conversation(recorded: string): string {
    return this.identities.conversations.get(recorded) ?? recorded;
  }

  /** Whether another user, who may have another plan, replaces a recorded one. */
  get anyRenamed(): boolean {
    for (const [recorded, user] of this.identities.users) if (recorded !== user) return true;
    return false;
  }

  /** Returns the id to send instead of `recorded`. */
  idToSend(recorded: string): string {
    return this.sent.get(recorded) ?? recorded;
  }

  /** Returns the id to expect instead of `recorded`; undefined if the server generates it and none was received yet. */
  id(recorded: string): string | undefined {
    return this.sent.get(recorded) ?? this.ids.get(recorded);
  }

  /** Whether `received` can be an id that the server generated and that is not mapped yet. */
  isNewId(received: string): boolean {
    return !this.ids.has(received) && !this.sentInRun.has(received);
  }

  learnId(recorded: string, received: string): void {
    this.ids.learn(recorded, received);
  }

  epoch(recorded: string): string | undefined {
    return this.epochs.get(recorded);
  }

  isNewEpoch(received: string): boolean {
    return !this.epochs.has(received);
  }

  learnEpoch(recorded: string, received: string): void {
    this.epochs.learn(recorded, received);
  }

  /** Stores where the numbers of an epoch key begin, from its first `welcome`. */
  learnBase(epochKey: string, recorded: number, received: number): void {
    if (this.bases.has(epochKey)) return;
    this.bases.set(epochKey, { recorded, received });
    this.offsets.set(epochKey, received - recorded);
  }

  base(epochKey: string): { readonly recorded: number; readonly received: number } {
    return this.bases.get(epochKey) ?? { recorded: 0, received: 0 };
  }

  /** Returns the `seq` of this run for `recorded`; never below 0. */
  seq(epochKey: string, recorded: number): number {
    return Math.max(0, recorded + (this.offsets.get(epochKey) ?? 0));
  }
}

/** Returns the key of a conversation and an epoch, within which `seq` is counted. */
export function epochKeyOf(conversation: string, epoch: unknown): string {
  return `${conversation}\n${typeof epoch === "string" ? epoch : ""}`;
}

class Bijection {
  private readonly forward = new Map<string, string>();
  private readonly values = new Set<string>();

  get(recorded: string): string | undefined {
    return this.forward.get(recorded);
  }

  has(received: string): boolean {
    return this.values.has(received);
  }

  learn(recorded: string, received: string): void {
    this.forward.set(recorded, received);
    this.values.add(received);
  }
}

/** Maps each id that the recording's clients send to the id of this run. Message ids get the suffix, if one is given. */
function sentIds({ entries }: Recording, suffix: string | undefined): ReadonlyMap<string, string> {
  const ids = new Map<string, string>();
  for (const entry of entries) {
    if (entry.dir !== "out" || typeof entry.frame?.id !== "string") continue;
    const { id } = entry.frame;
    // Only a valid id: one that the server rejects must be rejected in this run, too.
    const renamed = suffix !== undefined && NAMED.has(entry.frame.type) && /^[\x20-\x7e]{1,64}$/.test(id);
    if (renamed) {
      const end = `.${suffix}${ids.size.toString(36)}`;
      if (!ids.has(id) || ids.get(id) === id) ids.set(id, `${id.slice(0, MAX_ID_LENGTH - end.length)}${end}`);
    } else if (!ids.has(id)) ids.set(id, id);
  }
  return ids;
}
