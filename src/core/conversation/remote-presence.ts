// Who is in one conversation through other nodes, put together from what the store holds and what is announced.
//
// Whoever changes what the store holds gives it a new version, and announces the change with the version before and after
// it. So a change that was missed shows with the next one, and all is read again:
//
//   read at 7    7→8 anna joined    8→9 ben left    (9→10 missed)    10→11 … : a gap

/** A change of who is in a conversation through one node's life. Versions rise while anybody is there; 0: nobody is. */
export interface PresenceDelta {
  readonly life: string;
  readonly was: number;
  readonly version: number;
  /** Times are milliseconds since 1970, by the clock of the store. */
  readonly joined: readonly (readonly [user: string, since: number])[];
  readonly left: readonly (readonly [user: string, at: number])[];
}

/** All who are in a conversation, as the store holds it. */
export interface PresenceSnapshot {
  readonly version: number;
  readonly entries: readonly {
    readonly incarnation: string;
    readonly user: string;
    readonly since: number;
  }[];
}

/** What users who are present are sent. */
export interface PresenceChange {
  readonly user: string;
  readonly state: "joined" | "left";
  readonly at: number;
}

interface NodePresence {
  readonly incarnation: string;
  readonly since: number;
}

/** The users who are in one conversation through other nodes: each once, through however many (P1). */
export class RemotePresence {
  private readonly presences = new Map<string, NodePresence[]>();
  /** Users who were there before the store was away and whom nobody has put back yet, and until when that is awaited. */
  private readonly missing = new Map<string, number>();
  private readonly since = new Map<string, number>();
  private version: number | undefined;
  /** The highest version that was heard or read. */
  private newest = 0;

  /** `isOwn` tells the lives of this node, whose users are not elsewhere. */
  constructor(private readonly isOwn: (life: string) => boolean) {}

  /** Each user, and since when. */
  users(): ReadonlyMap<string, number> {
    return this.since;
  }

  /** Whether the store still holds what was heard last. */
  isAt(version: number): boolean {
    return this.version === version;
  }

  /** Takes an announced change in; answers undefined when one before it was missed and all must be read. */
  apply(change: PresenceDelta): PresenceChange[] | undefined {
    if (this.version === undefined) return undefined;
    if (change.was !== this.version) {
      const isOld = change.version === this.version || (change.version > 0 && change.version < this.version);
      return isOld ? [] : undefined;
    }
    // When nobody is there versions begin at 0 again, and an announcement that comes late, over a line that was replaced by
    // another, seems to be the next one.
    if (change.version > 0 && change.version <= this.newest) return undefined;
    this.newest = Math.max(this.newest, change.version);
    this.version = change.version;
    if (this.isOwn(change.life)) return [];
    const { life } = change;
    const changes: PresenceChange[] = [];
    for (const [user, since] of change.joined)
      if (this.add(user, { incarnation: life, since })) changes.push({ user, state: "joined", at: since });
    for (const [user, at] of change.left)
      if (this.remove(user, life)) changes.push({ user, state: "left", at });
    return changes;
  }

  /**
   * Takes in what the store holds. Who is not there any more has left; but before `trusted` the store, or another node,
   * may have been away and not all be put back yet: until then they are waited for.
   */
  reset({ version, entries }: PresenceSnapshot, now: number, evictFrom: number): PresenceChange[] {
    this.version = version;
    this.newest = Math.max(this.newest, version);
    const before = new Set(this.since.keys());
    this.presences.clear();
    const changes: PresenceChange[] = [];
    for (const { incarnation: life, user, since } of entries) {
      if (this.isOwn(life)) continue;
      before.delete(user);
      if (this.add(user, { incarnation: life, since })) changes.push({ user, state: "joined", at: since });
    }
    for (const user of before) {
      if (!this.missing.has(user)) this.missing.set(user, evictFrom);
    }
    return [...changes, ...this.settle(now)];
  }

  /** Those who were waited for until now, and did not come back. */
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

  /** Whether anybody is waited for. */
  get hasPending(): boolean {
    return this.missing.size > 0;
  }

  /** Answers whether the user was not there before. */
  private add(user: string, presence: NodePresence): boolean {
    const isNew = !this.since.has(user);
    const others = (this.presences.get(user) ?? []).filter(
      ({ incarnation: life }) => life !== presence.incarnation,
    );
    this.set(user, [...others, presence]);
    this.missing.delete(user);
    return isNew;
  }

  /** Answers whether the user is there no longer. */
  private remove(user: string, life: string): boolean {
    const places = this.presences.get(user);
    if (places === undefined) return false;
    const others = places.filter((place) => place.incarnation !== life);
    if (others.length > 0) this.set(user, others);
    else {
      this.presences.delete(user);
      this.since.delete(user);
    }
    return others.length === 0;
  }

  private set(user: string, places: NodePresence[]): void {
    this.presences.set(user, places);
    this.since.set(user, Math.min(...places.map(({ since }) => since)));
  }
}
