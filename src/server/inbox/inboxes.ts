import type { Grants } from "../../core/access/grants.ts";
import { Multimap } from "../../core/collections/multimap.ts";
import type { Emit } from "../../core/events/events.ts";
import { chooseItems, encodeAnswer, encodeInboxMembers, type InboxAsk } from "../../core/inbox/answer.ts";
import { encodePosition } from "../../core/inbox/position.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { LIST_MEMORY_MS } from "../../core/ports/conversation/members.ts";
import { ConcurrencyLimiter } from "../concurrency-limiter.ts";
import { ChangedItems, digestOf, NO_DIGEST } from "./changed-items.ts";
import { ConversationLists } from "./conversation-lists.ts";
import {
  type InboxList,
  type InboxSources,
  type ReadItem,
  readItemsOf,
  readList,
  removedAsRead,
} from "./read-list.ts";
import { InboxClient, type InboxSocket, UserList } from "./user-list.ts";

export interface InboxesDeps extends InboxSources {
  readonly clock: Clock;
  readonly emit: Emit;
  /** Returns whether an error means that the store cannot be reached. */
  readonly isStoreUnavailable: (error: unknown) => boolean;
}

/** The users whose lists are read at the same time: a thousand who come back at once do not hold up messages (IN3). */
const LISTS_AT_ONCE = 4;

/** A position that no store gave: the client gets the newest page, with `reset`. */
const NO_POSITION = "";

/** The inboxes of this node's sockets, and what HTTP requests get. It costs nothing while no socket has asked for one. */
export class Inboxes {
  private readonly limiter = new ConcurrencyLimiter({ permits: LISTS_AT_ONCE });
  private readonly conversations = new ConversationLists();
  private readonly lists = new Multimap<UserList>();
  private readonly changes: ChangedItems;

  constructor(private readonly deps: InboxesDeps) {
    this.changes = new ChangedItems({
      ...deps,
      conversations: this.conversations,
      listsOf: (user) => this.lists.of(user),
      onGap: () => this.onGap(),
      restart: (client) => this.restart(client),
    });
  }

  /** Returns the body of an answer to `GET /inbox`. Rejects when the store cannot be read now. */
  async read(user: string, grants: Grants, ask: InboxAsk): Promise<string> {
    const list = await this.limited(() => readList(this.deps, user, grants));
    const choice = chooseItems(list, ask, LIST_MEMORY_MS, true);
    const items = await this.readChosen(user, choice.entries, choice.removed);
    const jsons = items.map(({ json }) => json);
    const { cursor, reset, more } = choice;
    // While there is more, the client has not got all changes.
    const position = more && !reset && ask.after !== undefined ? ask.after : encodePosition(list.position);
    return `{${encodeInboxMembers(jsons, more, { cursor, reset, position, totals: list.totals, id: undefined })}}`;
  }

  /** Begins to send a socket its inbox; it gets items after its first request. */
  open(socket: InboxSocket, grants: Grants): InboxClient {
    const client = new InboxClient(socket, this.listFor(socket.user, grants));
    client.list.clients.add(client);
    return client;
  }

  /**
   * Replies to a request of a socket, after those before it. Resolves with false, and sends nothing, when the store cannot be read
   * now.
   */
  request(client: InboxClient, ask: InboxAsk, id: string | undefined): Promise<boolean> {
    client.limit = ask.limit;
    return this.enqueue(client, () => this.answer(client, ask, id));
  }

  private enqueue(client: InboxClient, task: () => Promise<boolean>): Promise<boolean> {
    const done = client.queue.then(task);
    client.queue = done.then(
      () => {},
      () => {},
    );
    return done;
  }

  /** The socket has another token. If that shows other conversations, the list is sent again from its beginning. */
  renew(client: InboxClient, grants: Grants): void {
    if (client.closed) return;
    const list = this.listFor(client.socket.user, grants);
    if (list === client.list) return;
    const before = client.list;
    list.clients.add(client);
    client.list = list;
    this.leave(client, before);
    if (client.limit > 0) this.restart(client);
  }

  close(client: InboxClient): void {
    if (client.closed) return;
    client.closed = true;
    this.leave(client, client.list);
  }

  /** Stops everything, at the end of the server. */
  stop(): void {
    this.changes.stop();
  }

  private listFor(user: string, grants: Grants): UserList {
    const list = new UserList(user, grants);
    const known = this.lists.of(user).find(({ scope }) => scope === list.scope);
    if (known !== undefined) return known;
    this.lists.add(user, list);
    return list;
  }

  private leave(client: InboxClient, list: UserList): void {
    list.clients.delete(client);
    if (list.clients.size > 0) return;
    this.lists.remove(list.user, list);
    this.conversations.drop(list);
    if (this.lists.isEmpty) this.changes.stop();
  }

  private async answer(client: InboxClient, ask: InboxAsk, id: string | undefined): Promise<boolean> {
    client.answering++;
    try {
      let frames: readonly string[] | undefined;
      // With another token, the list is another one.
      while (frames === undefined) frames = await this.prepare(client, ask, id);
      // One frame after another: what a slow peer has not read does not fill the memory.
      for (const frame of frames) {
        if (client.closed) break;
        client.socket.deliver(frame, true);
        if (frames.length > 1) await client.socket.drained();
      }
      return true;
    } catch (error) {
      if (this.deps.isStoreUnavailable(error)) return false;
      throw error;
    } finally {
      client.answering--;
      if (client.mustRestart && !client.closed) this.changes.restartLater(client);
      this.changes.flush(client);
    }
  }

  /**
   * Reads what a client is sent, and returns the frames; undefined if the client has another list by then. Later changes wait until
   * these are sent.
   */
  private async prepare(
    client: InboxClient,
    request: InboxAsk,
    id: string | undefined,
  ): Promise<readonly string[] | undefined> {
    const { list, mustRestart } = client;
    const ask = mustRestart ? restartOf(client) : request;
    // Set again when it must restart once more after this reading has begun.
    client.mustRestart = false;
    list.loading++;
    try {
      if (client.closed) return [];
      await this.changes.start();
      const whole = await this.limited(() => this.load(list));
      const choice = chooseItems(whole, ask, LIST_MEMORY_MS);
      const items = await this.readChosen(list.user, choice.entries, choice.removed);
      if (client.closed) return [];
      if (client.list !== list) return undefined;
      // A further page has not all changes, so the client may lack some that have not been given to it.
      const isFurther = client.hasPage && ask.after === undefined;
      const { time } = whole.position;
      const givenBefore = isFurther ? Math.min(time, this.changes.givenBefore) : time;
      client.hasPage = true;
      if (choice.reset) client.pending.restart(time);
      this.noteSent(client, items);
      // Nor what waits for its socket.
      const position = { ...whole.position, time: client.pending.timeBefore(givenBefore) };
      return encodeAnswer(
        items.map(({ json }) => json),
        choice,
        { position: encodePosition(position), totals: whole.totals, id, after: ask.after },
      );
    } catch (error) {
      client.mustRestart ||= mustRestart;
      throw error;
    } finally {
      list.loading--;
      if (list.loading === 0) this.changes.loaded(list);
    }
  }

  /** Reads the whole list of a user, and takes over its numbers. */
  private async load(list: UserList): Promise<InboxList> {
    const unread = new Map<number, number>();
    const whole = await readList(this.deps, list.user, list.grants, (names) => {
      if (list.clients.size === 0) return;
      for (const { name, number } of this.conversations.addMissing(list, names)) {
        // It has left the list. Sockets that have it still get `removed`: the page that is read here is for one of them.
        unread.set(number, 0);
        this.changes.readAgain(list, name);
      }
    });
    list.store = whole.position.store;
    for (const entry of whole.entries) {
      const conversation = this.conversations.find(entry.conversation);
      if (conversation !== undefined) unread.set(conversation.number, entry.unread);
    }
    list.numbers.setAll(unread);
    return whole;
  }

  private async readChosen(
    user: string,
    entries: readonly { readonly conversation: string }[],
    removed: readonly string[],
  ): Promise<readonly ReadItem[]> {
    const conversations = entries.map(({ conversation }) => conversation);
    return [...(await readItemsOf(this.deps, user, conversations)), ...removed.map(removedAsRead)];
  }

  /** Records what a socket is sent: what waits of the same conversations is older, and the same item does not come again as news. */
  private noteSent({ list, pending }: InboxClient, items: readonly ReadItem[]): void {
    for (const { conversation, json, unread } of items) {
      pending.drop(conversation);
      if (unread === undefined) continue;
      const known = this.conversations.find(conversation);
      if (known === undefined || !list.numbers.has(known.number)) continue;
      const isOther = list.numbers.note(known.number, digestOf(json));
      // Other sockets with the same list are not sent it: now they have different items, so the next one is sent in any case.
      if (isOther && list.clients.size > 1) list.numbers.note(known.number, NO_DIGEST);
    }
  }

  private limited<T>(task: () => Promise<T>): Promise<T> {
    return this.limiter.run(task).then((result) => {
      if (result.outcome === "busy") throw new Error("the limiter has no bound");
      return result.value;
    });
  }

  /** Changes may have been missed: all lists are sent again from their beginning. Called again if the store is away again meanwhile. */
  private onGap(): void {
    for (const list of this.lists.all())
      for (const client of list.clients) if (client.limit > 0) this.restart(client);
  }

  /** Sends a client its list again from the beginning, after the answers before, and as soon as it can be read. */
  private restart(client: InboxClient): void {
    client.mustRestart = true;
    this.enqueue(client, async () => {
      // An answer before this one may have done it.
      if (client.closed || !client.mustRestart) return true;
      return this.answer(client, restartOf(client), undefined);
    }).catch((error) => this.deps.emit("inbox.failed", { error: String(error) }));
  }
}

function restartOf({ limit }: InboxClient): InboxAsk {
  return { limit, cursor: undefined, after: NO_POSITION };
}
