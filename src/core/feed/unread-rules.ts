// When a member gets `message.unread`: once for what it has not read for UNREAD_AFTER seconds while it is not present, and again only
// after it has read that.

/** Conversations with more members make no such events. */
export const MAX_UNREAD_MEMBERS = 1_000;

/** Pages of messages that wait for their time at once. While there are so many, no more are read. */
const MAX_WAITING_PAGES = 10_000;

/** Messages that were read from the feed together. */
export interface MessagePage {
  /** When the newest of them was stored, in milliseconds since 1970. */
  readonly at: number;
  /** The newest `seq` of each conversation. */
  readonly newest: ReadonlyMap<string, number>;
  /** The place in the feed after them. */
  readonly position: string;
}

/** Messages that are not old enough yet, in the order of the feed. */
export class WaitingMessages {
  private readonly pages: MessagePage[] = [];

  get isFull(): boolean {
    return this.pages.length >= MAX_WAITING_PAGES;
  }

  add(page: MessagePage): void {
    this.pages.push(page);
  }

  /** Returns the oldest page that is `after` milliseconds old; it waits no longer. */
  takeDue(now: number, after: number): MessagePage | undefined {
    const [first] = this.pages;
    return first !== undefined && now >= first.at + after ? this.pages.shift() : undefined;
  }
}

/** How far users were reminded: by conversation and user the oldest message that they had not read then. */
export class Reminded {
  private readonly seqs = new Map<string, number>();

  /** `most`: entries; those that were added first are forgotten first. */
  constructor(private readonly most: number) {}

  note(conversation: string, user: string, seq: number): void {
    const key = `${conversation}/${user}`;
    this.seqs.delete(key);
    this.seqs.set(key, seq);
    if (this.seqs.size > this.most) this.seqs.delete(this.seqs.keys().next().value!);
  }

  /** Returns whether the user was reminded of a message that it has still not read. */
  isOpen(conversation: string, user: string, read: number): boolean {
    const seq = this.seqs.get(`${conversation}/${user}`);
    return seq !== undefined && seq > read;
  }
}

/** A member as it stands to the messages of its conversation. */
export interface UnreadMember {
  readonly user: string;
  /** The newest `seq` that counts as read for it. */
  readonly read: number;
}

/**
 * Returns who gets an event, and about which message: its oldest one that is not read and is kept. `due`: the newest `seq` that is old
 * enough; `first`: the oldest that is kept.
 */
export function remindersOf(
  conversation: string,
  { due, first }: { readonly due: number; readonly first: number },
  members: readonly UnreadMember[],
  present: ReadonlySet<string>,
  reminded: Pick<Reminded, "isOpen">,
): { readonly user: string; readonly seq: number }[] {
  const reminders: { readonly user: string; readonly seq: number }[] = [];
  for (const { user, read } of members) {
    const seq = Math.max(read + 1, first);
    if (seq > due || present.has(user) || reminded.isOpen(conversation, user, read)) continue;
    reminders.push({ user, seq });
  }
  return reminders;
}
