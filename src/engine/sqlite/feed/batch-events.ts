import type { Database, Statement } from "bun:sqlite";
import { LruMap } from "../../../core/collections/lru-map.ts";
import { eventOfChange, eventOfMember } from "../../../core/feed/conversation-events.ts";
import { beginsExhaustion } from "../../../core/feed/quota-exhausted.ts";
import type { MemberNews } from "../../../core/members/records.ts";
import type { ChangeRequest } from "../../../core/ports/conversation/changes.ts";
import { type ConversationHead, existsAsConversation } from "../messages/conversation-head.ts";
import type { EventTable } from "./event-table.ts";
import type { FeedOperation } from "./operation.ts";
import type { PresentTable } from "./present-table.ts";
import type { WantedTypes } from "./wanted-types.ts";

/** Users whose last `quota.exhausted` is kept in memory. */
const MAX_EXHAUSTED = 10_000;

/** A stream, as its events name it. */
export interface StreamFacts {
  readonly conversation: string;
  readonly epoch: string;
  readonly user: string;
  readonly stream: string;
  readonly id: string;
  readonly replyTo?: number | undefined;
}

/** Writes the events of a batch, in its transaction. A message that is stored writes nothing here: it is read from the log. */
export class BatchEvents {
  private readonly lastExhausted: Statement<{ at: number | null }>;
  private exhaustedAt = new LruMap<number>(MAX_EXHAUSTED);

  constructor(
    db: Database,
    private readonly table: EventTable,
    private readonly present: PresentTable,
    private readonly types: WantedTypes,
  ) {
    this.lastExhausted = db.prepare(
      "select max(at) as at from event where user = ? and type = 'quota.exhausted'",
    );
  }

  /** MUST be called before the message of `head` is appended: where it is the first one, it makes the conversation. */
  beforeMessage(head: ConversationHead, now: number): void {
    if (existsAsConversation(head)) return;
    const { id: conversation, epoch } = head;
    this.table.add({ type: "conversation.created", conversation, epoch }, now);
  }

  joined({ id: conversation, epoch }: ConversationHead, news: MemberNews, now: number): void {
    this.table.add(eventOfMember(conversation, news, epoch), now);
  }

  changed({ epoch }: ConversationHead, request: ChangeRequest, rev: number, now: number): void {
    const { conversation, user: by, seq, change } = request;
    this.table.add(eventOfChange({ conversation, epoch, seq, rev, by, at: now, change }), now);
  }

  marked({ id: conversation, epoch }: ConversationHead, user: string, seq: number, now: number): void {
    if (this.types.counts("read.marked"))
      this.table.add({ type: "read.marked", conversation, epoch, user, seq }, now);
  }

  streamStarted(facts: StreamFacts, now: number): void {
    this.table.add({ ...streamEvent("stream.started", facts) }, now);
  }

  /** `seq`: the message that it has become; undefined for none. */
  streamEnded(facts: StreamFacts, state: string, seq: number | undefined, now: number): void {
    const event = streamEvent("stream.ended", facts);
    this.table.add(
      { ...event, ...(seq !== undefined && { seq }), details: { ...event.details, state } },
      now,
    );
  }

  /** A request of the user was refused because its plan's `limit` an hour is used up. */
  refused(user: string, limit: number, now: number): void {
    const last = this.exhaustedAt.get(user) ?? this.lastExhausted.get(user)?.at ?? undefined;
    if (!beginsExhaustion(last, now)) {
      this.exhaustedAt.set(user, last!);
      return;
    }
    this.exhaustedAt.set(user, now);
    this.table.add({ type: "quota.exhausted", user, details: { limit } }, now);
  }

  /** Writes events that belong to nothing else, and who is present. */
  write({ events, joined = [], left = [] }: FeedOperation["request"], now: number): void {
    for (const event of events) this.table.add(event, now);
    for (const user of joined) this.present.add(user);
    for (const user of left) this.present.remove(user);
  }

  /** MUST be called after a transaction that failed. */
  reload(): void {
    this.exhaustedAt = new LruMap(MAX_EXHAUSTED);
  }

  /** Finalizes the statements, so that the database can be closed. */
  close(): void {
    this.lastExhausted.finalize();
  }
}

function streamEvent(
  type: "stream.started" | "stream.ended",
  { conversation, epoch, user, stream, id, replyTo }: StreamFacts,
) {
  const details = { stream, id, ...(replyTo !== undefined && { reply_to: replyTo }) };
  return { type, conversation, epoch, user, details };
}
