import type { Recording } from "../format/recording.ts";

/** What plays which part in this run. */
export interface IdentityMapping {
  /** Recorded user → the user of this run; who is missing plays themselves. */
  readonly users: ReadonlyMap<string, string>;
  /** Recorded conversation → that of this run. */
  readonly conversations: ReadonlyMap<string, string>;
  /** Added to the ids of messages, so that a conversation that had them before does not take them for repeats (D3). */
  readonly idSuffix?: string;
}

/** Longest id of a message that the protocol takes. */
const MAX_ID_LENGTH = 64;

/**
 * Which name, number or epoch of the recording is which of the run. What is not known before is learned from the
 * first frame that has it, and must be the same from then on.
 */
export class NameMapping {
  private readonly sent: ReadonlyMap<string, string>;
  private readonly sentInRun: ReadonlySet<string>;
  private readonly ids = new Bijection();
  private readonly epochs = new Bijection();
  /** By space (a life of a conversation): how much larger a `seq` is in the run. */
  private readonly offsets = new Map<string, number>();
  /** By space: the newest `seq` when the recording, and the run, came in. What is older was said by nobody of them. */
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

  /** Whether somebody else plays a part, who may have another plan. */
  get anyRenamed(): boolean {
    for (const [recorded, user] of this.identities.users) if (recorded !== user) return true;
    return false;
  }

  /** The id that is sent in the place of `recorded`. */
  idToSend(recorded: string): string {
    return this.sent.get(recorded) ?? recorded;
  }

  /** The id that must come in the place of `recorded`; undefined where the server makes it and none has come yet. */
  id(recorded: string): string | undefined {
    return this.sent.get(recorded) ?? this.ids.get(recorded);
  }

  /** Whether `came` can be an id that the server made, and stands for none yet. */
  isNewId(came: string): boolean {
    return !this.ids.has(came) && !this.sentInRun.has(came);
  }

  learnId(recorded: string, came: string): void {
    this.ids.learn(recorded, came);
  }

  epoch(recorded: string): string | undefined {
    return this.epochs.get(recorded);
  }

  isNewEpoch(came: string): boolean {
    return !this.epochs.has(came);
  }

  learnEpoch(recorded: string, came: string): void {
    this.epochs.learn(recorded, came);
  }

  /** The first `welcome` of a space says where its numbers begin. */
  learnBase(epochKey: string, recorded: number, came: number): void {
    if (this.bases.has(epochKey)) return;
    this.bases.set(epochKey, { recorded, received: came });
    this.offsets.set(epochKey, came - recorded);
  }

  base(epochKey: string): { readonly recorded: number; readonly received: number } {
    return this.bases.get(epochKey) ?? { recorded: 0, received: 0 };
  }

  /** What `recorded` is in this run; never below 0. */
  seq(epochKey: string, recorded: number): number {
    return Math.max(0, recorded + (this.offsets.get(epochKey) ?? 0));
  }
}

/** The life of a conversation in which numbers are counted. */
export function epochKeyOf(conversation: string, epoch: unknown): string {
  return `${conversation}\n${typeof epoch === "string" ? epoch : ""}`;
}

class Bijection {
  private readonly forward = new Map<string, string>();
  private readonly values = new Set<string>();

  get(recorded: string): string | undefined {
    return this.forward.get(recorded);
  }

  has(came: string): boolean {
    return this.values.has(came);
  }

  learn(recorded: string, came: string): void {
    this.forward.set(recorded, came);
    this.values.add(came);
  }
}

/** What each id that the recording's clients send is in this run. Those of messages get the suffix, if there is one. */
function sentIds({ entries }: Recording, suffix: string | undefined): ReadonlyMap<string, string> {
  const ids = new Map<string, string>();
  for (const entry of entries) {
    if (entry.dir !== "out" || typeof entry.frame?.id !== "string") continue;
    const { id } = entry.frame;
    // Only a good id: one that the server refuses must be refused in this run, too.
    const renamed = suffix !== undefined && entry.frame.type === "message" && /^[\x20-\x7e]{1,64}$/.test(id);
    if (renamed) {
      const end = `.${suffix}${ids.size.toString(36)}`;
      if (!ids.has(id) || ids.get(id) === id) ids.set(id, `${id.slice(0, MAX_ID_LENGTH - end.length)}${end}`);
    } else if (!ids.has(id)) ids.set(id, id);
  }
  return ids;
}
