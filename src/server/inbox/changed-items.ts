import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { ConversationLists } from "./conversation-lists.ts";
import { type InboxSources, isAllowed, type ReadItem, readItems } from "./read-list.ts";
import type { InboxClient, UserList } from "./user-list.ts";

export interface ChangedItemsDeps extends InboxSources {
  readonly conversations: ConversationLists;
  readonly listsOf: (user: string) => readonly UserList[];
  readonly clock: Clock;
  readonly emit: Emit;
  readonly isStoreUnavailable: (error: unknown) => boolean;
  /** Called when changes may have been missed. */
  readonly onGap: () => void;
  /** Sends a socket its list from the beginning. */
  readonly restart: (client: InboxClient) => void;
}

/** How often changed items are read and sent, in milliseconds. So a busy conversation is read at most twice a second (IN2). */
const ROUND_INTERVAL_MS = 500;
/** When sockets that do not take all items at once get more, in milliseconds. */
const FLUSH_INTERVAL_MS = 20;
/** The conversations that are read at the same time, and the users of one conversation. */
const CONVERSATIONS_AT_ONCE = 16;
const USERS_AT_ONCE = 100;

/** Where a conversation has changed. */
interface Changed {
  /** In all lists that have it. */
  all: boolean;
  /** In these, which may not have it yet. */
  readonly lists: Set<UserList>;
  /** All its changes before this time were given to the sockets. */
  since: number;
}

/**
 * Reads the items that have changed, and gives them to the sockets. The stores say only which conversation has changed; each
 * conversation is read once for all users of this node, and what comes in between is not read at all.
 */
export class ChangedItems {
  private changed = new Map<string, Changed>();
  private time = 0;
  /** What changed before this time was taken from `changed`: what comes into it now has changed later. */
  private takenAt = 0;
  /** Lists with changes that wait until the list is read. */
  private readonly loading = new Set<UserList>();
  /** Sockets whose list could not be read when it had to be sent again. */
  private readonly unserved = new Set<InboxClient>();
  private starting: Promise<void> | undefined;
  private stops: (() => void)[] = [];
  /** Sockets with items that wait. */
  private readonly waiting = new Set<InboxClient>();
  private soon: ReturnType<typeof setTimeout> | undefined;
  private running = false;
  private generation = 0;

  constructor(private readonly deps: ChangedItemsDeps) {}

  /** All changes before this time were given to the sockets, in milliseconds since 1970 by the store's clock. */
  get givenBefore(): number {
    return this.time;
  }

  /** Begins to watch the stores. When it resolves, no later change is missed. */
  start(): Promise<void> {
    const { generation } = this;
    this.starting ??= this.watch().catch((error) => {
      // It may have been stopped and started again meanwhile.
      if (generation === this.generation) this.stop();
      throw error;
    });
    return this.starting;
  }

  stop(): void {
    this.generation++;
    this.starting = undefined;
    for (const stop of this.stops.splice(0)) stop();
    clearTimeout(this.soon);
    this.soon = undefined;
    this.changed.clear();
    this.waiting.clear();
    this.loading.clear();
    this.unserved.clear();
  }

  /** A list was read: what has changed meanwhile is read again. */
  loaded(list: UserList): void {
    for (const [conversation, since] of list.changedWhileLoading) this.add(conversation, [list], since);
    list.changedWhileLoading.clear();
    this.loading.delete(list);
  }

  /** Has a conversation of a list that is being read be read again after that. */
  readAgain(list: UserList, conversation: string, since = this.takenAt): void {
    const { changedWhileLoading } = list;
    changedWhileLoading.set(conversation, Math.min(since, changedWhileLoading.get(conversation) ?? since));
    this.loading.add(list);
  }

  /** Has a socket get its list from the beginning as soon as the store can be read. */
  restartLater(client: InboxClient): void {
    this.unserved.add(client);
  }

  private async watch(): Promise<void> {
    const { inbox, members, clock, onGap } = this.deps;
    const { generation } = this;
    const keep = (stop: () => void) => {
      // Stopped meanwhile.
      if (generation !== this.generation) stop();
      else this.stops.push(stop);
    };
    keep(clock.every(ROUND_INTERVAL_MS, () => void this.runRound()));
    keep(
      members.watch((conversation, news) => {
        for (const each of news) {
          if (each.type === "member") this.onChange(conversation, each.user);
          else this.onChange(conversation, undefined);
        }
      }, onGap),
    );
    keep(await inbox.watch((conversation, user) => this.onChange(conversation, user), onGap));
    const { now } = await inbox.read([], false);
    if (generation !== this.generation) return;
    // No socket had a list before.
    this.time = Math.max(this.time, now);
    this.takenAt = Math.max(this.takenAt, now);
  }

  private onChange(conversation: string, user: string | undefined): void {
    if (user !== undefined) this.add(conversation, this.deps.listsOf(user));
    else if (this.deps.conversations.find(conversation) !== undefined) this.changeOf(conversation).all = true;
  }

  private add(conversation: string, lists: readonly UserList[], since = this.takenAt): void {
    if (lists.length === 0) return;
    const changed = this.changeOf(conversation);
    changed.since = Math.min(changed.since, since);
    for (const list of lists) changed.lists.add(list);
  }

  private changeOf(conversation: string): Changed {
    let changed = this.changed.get(conversation);
    if (changed === undefined) {
      changed = { all: false, lists: new Set(), since: this.takenAt };
      this.changed.set(conversation, changed);
    }
    return changed;
  }

  private async runRound(): Promise<void> {
    if (this.running || (this.changed.size === 0 && this.unserved.size === 0)) return;
    this.running = true;
    try {
      // The time is read before the changes are taken: all that are older are among them.
      const { now } = await this.deps.inbox.read([], false);
      const unserved = [...this.unserved];
      this.unserved.clear();
      for (const client of unserved) if (client.mustRestart) this.deps.restart(client);
      const changed = [...this.changed];
      this.changed = new Map();
      this.takenAt = Math.max(this.takenAt, now);
      const touched = new Set<InboxClient>();
      for (let from = 0; from < changed.length; from += CONVERSATIONS_AT_ONCE) {
        const some = changed.slice(from, from + CONVERSATIONS_AT_ONCE);
        await Promise.all(some.map(([conversation, lists]) => this.readOne(conversation, lists, touched)));
      }
      this.time = Math.max(this.time, this.givenUpTo());
      for (const client of touched) {
        client.pending.reach(this.time);
        this.flush(client);
      }
    } catch (error) {
      this.report(error);
    } finally {
      this.running = false;
    }
  }

  /** The time before which all changes were given to the sockets: some conversations could not be read, or wait for their list. */
  private givenUpTo(): number {
    let time = this.takenAt;
    for (const { since } of this.changed.values()) time = Math.min(time, since);
    for (const list of this.loading)
      for (const since of list.changedWhileLoading.values()) time = Math.min(time, since);
    return time;
  }

  /** Reads a conversation for all `lists` in which it has changed. What cannot be read now is tried again in the next round. */
  private async readOne(conversation: string, changed: Changed, touched: Set<InboxClient>): Promise<void> {
    const lists = new Set(changed.lists);
    if (changed.all)
      for (const list of this.deps.conversations.find(conversation)?.lists ?? []) lists.add(list);
    const ready = [...lists].filter((list) => {
      if (list.loading > 0) this.readAgain(list, conversation, changed.since);
      return list.loading === 0 && list.clients.size > 0;
    });
    for (let from = 0; from < ready.length; from += USERS_AT_ONCE) {
      const some = ready.slice(from, from + USERS_AT_ONCE);
      try {
        const { items } = await readItems(
          this.deps,
          conversation,
          some.map(({ user }) => user),
        );
        for (const [i, list] of some.entries()) this.apply(list, items[i]!, changed.since, touched);
      } catch (error) {
        this.add(conversation, ready.slice(from), changed.since);
        this.report(error);
        return;
      }
    }
  }

  /** Takes over a new state of an item, and gives it to the sockets of the list. */
  private apply(
    list: UserList,
    { conversation, unread, json }: ReadItem,
    since: number,
    touched: Set<InboxClient>,
  ): void {
    const { conversations } = this.deps;
    // Its list is read as a whole, and this state may be older.
    if (list.loading > 0) {
      this.readAgain(list, conversation, since);
      return;
    }
    if (list.clients.size === 0) return;
    if (unread === undefined) {
      if (!conversations.remove(conversation, list)) return;
    } else {
      let known = conversations.find(conversation);
      if (known === undefined || !list.numbers.has(known.number)) {
        if (!isAllowed(list.grants, conversation)) return;
        known = conversations.add(conversation, list);
      }
      list.numbers.set(known.number, unread);
      if (!list.numbers.note(known.number, digestOf(json))) return;
    }
    for (const client of list.clients) {
      if (!client.hasPage) continue;
      client.pending.reach(this.time);
      client.pending.add(conversation, json);
      touched.add(client);
    }
  }

  /** Sends items that wait for a socket. Those that it does not take now are sent a little later. */
  flush(client: InboxClient): void {
    client.flush();
    if (client.pending.isEmpty || client.closed) this.waiting.delete(client);
    else this.waiting.add(client);
    if (this.waiting.size > 0) this.soon ??= setTimeout(() => this.flushWaiting(), FLUSH_INTERVAL_MS);
  }

  private flushWaiting(): void {
    this.soon = undefined;
    for (const client of [...this.waiting]) this.flush(client);
  }

  private report(error: unknown): void {
    // While the store is away, everything is tried again.
    if (!this.deps.isStoreUnavailable(error)) this.deps.emit("inbox.failed", { error: String(error) });
  }
}

/** A number that differs for two different items; 53 bits of a hash. */
export function digestOf(json: string): number {
  return Number(BigInt(Bun.hash(json)) >> 11n);
}

/** Differs from the number of every item. */
export const NO_DIGEST = -1;
