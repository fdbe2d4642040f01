// The users who are present in one conversation on other nodes. A node reads them from the store once and then applies the
// changes that other nodes announce.
//
// Each change gives the conversation's presence a new version, and its announcement carries the version before and after it.
// So a node that missed a change sees a gap in the versions with the next announcement, and reads everything again:
//
//   read at 7    7→8 anna joined    8→9 ben left    (9→10 missed)    10→11 … : a gap

/** A change of presence through one incarnation of a node. Versions rise while a user is present; 0: no user is. */
export interface PresenceDelta {
  readonly incarnation: string;
  readonly was: number;
  readonly version: number;
  /** Times are milliseconds since 1970, by the clock of the store. */
  readonly joined: readonly (readonly [user: string, since: number])[];
  readonly left: readonly (readonly [user: string, at: number])[];
}

/** All users present in a conversation, as the store holds them. */
export interface PresenceSnapshot {
  readonly version: number;
  readonly entries: readonly {
    readonly incarnation: string;
    readonly user: string;
    readonly since: number;
  }[];
}

/** The events that present users are sent. */
export interface PresenceChange {
  readonly user: string;
  readonly state: "joined" | "left";
  readonly at: number;
}

interface NodePresence {
  readonly incarnation: string;
  readonly since: number;
}

/** The users present in one conversation through other nodes: each once, through any number of nodes (P1). */
export class RemotePresence {
  private readonly presences = new Map<string, NodePresence[]>();
  /**
   * Users who were present before the store was unavailable and are not registered again yet, with the end of the wait.
   */
  private readonly missing = new Map<string, number>();
  private readonly since = new Map<string, number>();
  private version: number | undefined;
  /** The highest version that was received or read. */
  private newest = 0;

  /** `isOwn` recognizes the incarnations of this node, whose users are not remote. */
  constructor(private readonly isOwn: (incarnation: string) => boolean) {}

  /** Each user, and since when. */
  users(): ReadonlyMap<string, number> {
    return this.since;
  }

  /** Whether the store still holds the last received version. */
  isAt(version: number): boolean {
    return this.version === version;
  }

  /** Applies an announced change; returns undefined when one before it was missed and all must be read. */
  apply(change: PresenceDelta): PresenceChange[] | undefined {
    if (this.version === undefined) return undefined;
    if (change.was !== this.version) {
      const isOld = change.version === this.version || (change.version > 0 && change.version < this.version);
      return isOld ? [] : undefined;
    }
    // When no user is present, versions begin at 0 again. Then a late announcement, from a connection that was replaced, could
    // be taken for the next one.
    if (change.version > 0 && change.version <= this.newest) return undefined;
    this.newest = Math.max(this.newest, change.version);
    this.version = change.version;
    if (this.isOwn(change.incarnation)) return [];
    const { incarnation } = change;
    const changes: PresenceChange[] = [];
    for (const [user, since] of change.joined)
      if (this.add(user, { incarnation, since })) changes.push({ user, state: "joined", at: since });
    for (const [user, at] of change.left)
      if (this.remove(user, incarnation)) changes.push({ user, state: "left", at });
    return changes;
  }

  /**
   * Applies a snapshot from the store. A user who is missing in it has left, but is reported only at `evictFrom`
   * (milliseconds): after an outage of the store or of a node, users may not be registered again yet.
   */
  reset({ version, entries }: PresenceSnapshot, now: number, evictFrom: number): PresenceChange[] {
    this.version = version;
    this.newest = Math.max(this.newest, version);
    const before = new Set(this.since.keys());
    this.presences.clear();
    const changes: PresenceChange[] = [];
    for (const { incarnation, user, since } of entries) {
      if (this.isOwn(incarnation)) continue;
      before.delete(user);
      if (this.add(user, { incarnation, since })) changes.push({ user, state: "joined", at: since });
    }
    for (const user of before) {
      if (!this.missing.has(user)) this.missing.set(user, evictFrom);
    }
    return [...changes, ...this.settle(now)];
  }

  /** The users whose wait has ended without a return. */
  settle(now: number): PresenceChange[] {
    const left: PresenceChange[] = [];
    for (const [user, until] of this.missing) {
      if (now < until) continue;
      this.missing.delete(user);
      this.since.delete(user);
      left.push({ user, state: "left", at: now });
    }
    return left;
  }

  /** Whether the wait for any user is running. */
  get hasPending(): boolean {
    return this.missing.size > 0;
  }

  /** Returns whether the user was absent before. */
  private add(user: string, presence: NodePresence): boolean {
    const isNew = !this.since.has(user);
    const others = (this.presences.get(user) ?? []).filter(
      ({ incarnation }) => incarnation !== presence.incarnation,
    );
    this.set(user, [...others, presence]);
    this.missing.delete(user);
    return isNew;
  }

  /** Returns whether the user is absent now. */
  private remove(user: string, incarnation: string): boolean {
    const entries = this.presences.get(user);
    if (entries === undefined) return false;
    const others = entries.filter((entry) => entry.incarnation !== incarnation);
    if (others.length > 0) this.set(user, others);
    else {
      this.presences.delete(user);
      this.since.delete(user);
    }
    return others.length === 0;
  }

  private set(user: string, entries: NodePresence[]): void {
    this.presences.set(user, entries);
    this.since.set(user, Math.min(...entries.map(({ since }) => since)));
  }
}
