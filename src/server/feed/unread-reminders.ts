import {
  MAX_UNREAD_MEMBERS,
  type MessagePage,
  Reminded,
  remindersOf,
  WaitingMessages,
} from "../../core/feed/unread-rules.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Inboxes } from "../../core/ports/conversation/inbox.ts";
import type { MemberStore } from "../../core/ports/conversation/members.ts";
import { type Feed, type FeedPosition, OLDEST_POSITION } from "../../core/ports/feed/feed.ts";
import type { RunOnOneNode, StopTask } from "../../core/ports/shared-tasks.ts";
import type { Store } from "../../core/ports/store.ts";
import type { Settings } from "../settings/settings.ts";

/** How often the messages are looked at, in milliseconds. */
const INTERVAL_MS = 1_000;
/** The events of one page: few, so that the age of its oldest message is near to that of its newest one. */
const PAGE_EVENTS = 200;
/** Pages that one run reads, so that it ends soon. */
const PAGES_AT_ONCE = 50;
/** Members of whom it is known what they were reminded of. */
const MAX_REMINDED = 200_000;
/** The name under which the store keeps the position. */
export const UNREAD_READER = "unread";
export const CREATED_EVENTS = { types: new Set(["message.created"] as const) };
const UNREAD = { types: new Set(["message.unread"] as const) };

export interface UnreadRemindersDeps {
  readonly feed: Feed;
  readonly inbox: Pick<Inboxes, "read">;
  readonly members: Pick<MemberStore, "members">;
  /** Returns the users who are present in a conversation, on all nodes; undefined when that is not known now. */
  readonly present: (conversation: string) => Promise<ReadonlySet<string> | undefined>;
  readonly clock: Pick<Clock, "wall">;
  /** UNREAD_AFTER, in milliseconds. */
  readonly after: number;
}

/** Makes `message.unread` on one of all nodes, while it counts as read. Returns a function that stops it. */
export function remindOfUnread(deps: UnreadRemindersDeps, runOnOneNode: RunOnOneNode): StopTask {
  let reader: UnreadReader | undefined;
  let lastRun = 0;
  return runOnOneNode("unread", INTERVAL_MS, async ({ signal, generation }) => {
    if (!deps.feed.wanted().has("message.unread")) {
      reader = undefined;
      return;
    }
    // After a run of another node this one does not know how far that came.
    if (generation !== lastRun + 1) reader = undefined;
    lastRun = generation;
    try {
      reader ??= await UnreadReader.begin(deps);
      await reader.run(signal);
    } catch (error) {
      reader = undefined;
      throw error;
    }
  });
}

/** Returns the users who are present in a conversation; undefined when that is not known now. */
export type PresentIn = (
  conversation: string,
) => Promise<{ readonly present: readonly { readonly user: string }[] } | undefined>;

export interface StartRemindersDeps extends Pick<Store, "feed" | "engine" | "members" | "runOnOneNode"> {
  readonly clock: Clock;
  readonly settings: Pick<Settings, "unreadAfter">;
}

/** The same on the parts of a server. */
export function startReminders(deps: StartRemindersDeps, present: PresentIn): StopTask {
  const { feed, engine, members, clock, settings, runOnOneNode } = deps;
  const presentIn = async (conversation: string) => {
    const page = await present(conversation);
    return page && new Set(page.present.map(({ user }) => user));
  };
  const after = settings.unreadAfter * 1_000;
  return remindOfUnread(
    { feed, inbox: engine.inbox, members, clock, present: presentIn, after },
    runOnOneNode,
  );
}

/** A reader of the feed that carries out core/feed/unread-rules.ts. Its position is in the store. */
export class UnreadReader {
  private readonly waiting = new WaitingMessages();

  private constructor(
    private readonly deps: UnreadRemindersDeps,
    private position: FeedPosition,
    private readonly reminded: Reminded,
  ) {}

  /** Goes on where the last reader was. What it has written is in the feed, also where it ended before it kept its position. */
  static async begin(deps: UnreadRemindersDeps): Promise<UnreadReader> {
    const { feed } = deps;
    const position = (await feed.bookmark(UNREAD_READER)) ?? (await feed.newest());
    const reminded = new Reminded(MAX_REMINDED);
    for (let after = OLDEST_POSITION, more = true; more; ) {
      const page = (await feed.read(after, UNREAD, PAGE_EVENTS))!;
      for (const { conversation, user, seq } of page.events) reminded.note(conversation!, user!, seq!);
      ({ position: after, more } = page);
    }
    await feed.setBookmark(UNREAD_READER, position);
    return new UnreadReader(deps, position, reminded);
  }

  /** Reads what is new, and writes events of what has become old enough. */
  async run(signal: AbortSignal): Promise<void> {
    const { feed, clock, after } = this.deps;
    let handled: MessagePage | undefined;
    for (let pages = 0; pages < PAGES_AT_ONCE && !this.waiting.isFull && !signal.aborted; pages++)
      if (!(await this.readPage())) break;
    for (;;) {
      const page = signal.aborted ? undefined : this.waiting.takeDue(clock.wall(), after);
      if (page === undefined) break;
      for (const [conversation, due] of page.newest) await this.remind(conversation, due);
      handled = page;
    }
    if (handled !== undefined) await feed.setBookmark(UNREAD_READER, handled.position);
  }

  /** Returns whether there is more to read. */
  private async readPage(): Promise<boolean> {
    const page = await this.deps.feed.read(this.position, CREATED_EVENTS, PAGE_EVENTS);
    // The position is of another store, which a copy has replaced: begin with what is new.
    if (page === undefined) {
      this.position = await this.deps.feed.newest();
      return false;
    }
    this.position = page.position;
    const newest = new Map<string, number>();
    let at = 0;
    for (const event of page.events) {
      newest.set(event.conversation!, event.seq!);
      at = Math.max(at, event.at);
    }
    if (newest.size > 0) this.waiting.add({ at, newest, position: page.position });
    return page.more;
  }

  private async remind(conversation: string, due: number): Promise<void> {
    const { members: store, inbox, present, feed } = this.deps;
    const { members, more } = await store.members(conversation, { limit: MAX_UNREAD_MEMBERS });
    if (members.length === 0 || more) return;
    const users = members.map(({ user }) => user);
    const [{ views }, here] = await Promise.all([
      inbox.read([{ conversation, users }], false),
      present(conversation),
    ]);
    if (here === undefined) throw new Error("It is not known who is present.");
    const [{ first, epoch, readers }] = views as [(typeof views)[number]];
    const known = users.map((user, i) => ({ user, read: readers[i]!.read }));
    const reminders = remindersOf(conversation, { due, first }, known, here, this.reminded);
    if (reminders.length === 0) return;
    await feed.append(reminders.map((one) => ({ type: "message.unread", conversation, epoch, ...one })));
    for (const { user, seq } of reminders) this.reminded.note(conversation, user, seq);
  }
}
