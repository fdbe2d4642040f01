import type { OwnReactions } from "../../core/changes/message-state.ts";
import type { Entry } from "../../core/conversation/entry.ts";
import { relationOf } from "../../core/conversation/epoch.ts";
import { decidePost } from "../../core/conversation/post-decision.ts";
import type { Access, MemberNews } from "../../core/members/records.ts";
import { refuseSpeech, refusesMark, type SpeechRefusal } from "../../core/members/speech.ts";
import { rankOf } from "../../core/members/standing.ts";
import type { StreamStart, StreamStartResult } from "../../core/ports/conversation/streams.ts";
import type { PostRequest } from "../../core/ports/message-log.ts";
import type { Quota } from "../../protocol/server-frames.ts";
import type { ChangeOperation } from "../change-operation.ts";
import type { ChargeOperation, OperationOf } from "../operation.ts";
import type { StreamOperation } from "../stream-operation.ts";
import type { BatchOutcome, StoredMessage } from "./batch-outcome.ts";
import type { BatchEvents } from "./feed/batch-events.ts";
import type { RecentHeads } from "./inbox/recent-heads.ts";
import { GUARD_MEMBERS_ONLY, type MemberTable } from "./members/member-table.ts";
import { type ConversationHead, existsAsConversation } from "./messages/conversation-head.ts";
import type { HistoryReader } from "./messages/history-reader.ts";
import type { MessageLog } from "./messages/message-log.ts";
import type { QuotaLog } from "./messages/quota-log.ts";
import type { ReadMarkTable } from "./messages/read-mark-table.ts";

/** The most members that are remembered for a conversation in memory. */
const MAX_KNOWN_MEMBERS = 10_000;

/** A stream that may be started. */
export interface AdmittedStream {
  readonly epoch: string;
  readonly quota: Quota | null;
  /** The writer became a member by it. */
  readonly joined: MemberNews | undefined;
}

/** What the message of a stream consists of. */
export interface FinishedStream {
  readonly conversation: string;
  /** The epoch in which the stream was started. */
  readonly epoch: string;
  readonly user: string;
  readonly id: string;
  readonly body: string;
}

/** Writes the rows of a batch of operations. The caller delivers the outcomes after the commit. */
export class Batch {
  constructor(
    private readonly messages: MessageLog,
    private readonly charges: QuotaLog,
    private readonly marks: ReadMarkTable,
    private readonly reader: HistoryReader,
    private readonly members: MemberTable,
    private readonly recent: RecentHeads,
    readonly events: BatchEvents,
  ) {}

  /** The commands of streams. Set once, because they use this batch. */
  streams!: {
    execute(operation: StreamOperation, now: number): BatchOutcome;
    /** Whether the user has an open stream of this id. */
    isWriting(request: Pick<PostRequest, "conversation" | "user" | "id">): boolean;
  };

  /** The commands of changes, set once as well. */
  changes!: {
    execute(operation: ChangeOperation, now: number): BatchOutcome;
    /** Whether a change of the user has this id. */
    hasId(head: ConversationHead, user: string, id: string): boolean;
    /** The user's reactions to these messages. */
    ownOf(head: ConversationHead, user: string, seqs: readonly number[]): OwnReactions;
  };

  /** Carries out one operation at the store's time `now`. MUST be called inside a transaction. */
  execute(operation: BatchOutcome["operation"], now: number): BatchOutcome {
    switch (operation.kind) {
      case "post":
        return this.post(operation, now);
      case "history":
        return this.history(operation, now);
      case "mark":
        return this.setReadMark(operation, now);
      case "charge":
        return this.charge(operation, now);
      case "stream":
        return this.streams.execute(operation, now);
      case "change":
        return this.changes.execute(operation, now);
      case "feed":
        this.events.write(operation.request, now);
        return { operation, result: { outcome: "done" } };
      case "consider":
        return this.consider(operation, now);
      default:
        return operation satisfies never;
    }
  }

  private post(operation: OperationOf<"post">, now: number): BatchOutcome {
    const { request } = operation;
    const log = this.charges.of(request.user);
    // A refused request must write nothing, so a conversation is created only for a message that is stored.
    let head = this.messages.find(request.conversation);
    if (this.isOfRemoved(request.epoch, head)) return { operation, result: { outcome: "removed" } };
    let key = head === undefined ? 0 : this.messages.keyOf(head, request.user, request.id);
    const stored =
      head === undefined ? undefined : this.messages.findStored(head, key, request.user, request.id);
    const decision = decidePost(stored, log, request.limit, now, this.refusalOf(request, head, now));
    if (decision.outcome !== "store") {
      if (decision.outcome === "rate_limited") this.events.refused(request.user, request.limit, now);
      return { operation, result: decision };
    }
    // The user writes a stream of this id. When it has ended, the same request is a duplicate of its message.
    if (this.streams.isWriting(request)) return { operation, result: { outcome: "id_in_use" } };
    if (head !== undefined && this.changes.hasId(head, request.user, request.id))
      return { operation, result: { outcome: "id_in_use" } };
    if (head === undefined) {
      head = this.messages.create(request.conversation);
      key = this.messages.keyOf(head, request.user, request.id);
    }
    if (request.limit > 0) this.charges.charge(request.user, log, now);
    const { conversation, user, id, kind, body } = request;
    const entry: Entry = { kind, seq: head.seq + 1, id, from: user, at: now, body };
    this.events.beforeMessage(head, now);
    this.messages.append(head, key, entry);
    this.recent.add(head.number, entry, this.messages.lastPosition);
    const joined = this.join(request, head, now);
    return {
      operation,
      result: { outcome: "stored", seq: entry.seq, at: now, quota: log.view(request.limit, now) },
      announce: { conversation, entry },
      joined,
    };
  }

  /** Decides as `post`, and writes nothing. */
  private consider(operation: OperationOf<"consider">, now: number): BatchOutcome {
    const { request } = operation;
    const { user, id, limit } = request;
    const head = this.messages.find(request.conversation);
    if (this.isOfRemoved(request.epoch, head)) return { operation, result: { outcome: "removed" } };
    const stored = head && this.messages.findStored(head, this.messages.keyOf(head, user, id), user, id);
    const refusal = this.refusalOf(request, head, now);
    const decision = decidePost(stored, this.charges.of(user), limit, now, refusal);
    if (decision.outcome !== "store") return { operation, result: decision };
    if (head !== undefined && this.changes.hasId(head, user, id))
      return { operation, result: { outcome: "id_in_use" } };
    return { operation, result: { outcome: "acceptable" } };
  }

  /**
   * Decides about the start of a stream as about a post, charges it, and makes its writer a member. `isOpen`: it is a takeover, which
   * is not charged (ST6); `hasPlace`: the user has not as many open streams as it may have.
   */
  admitStream(
    request: StreamStart,
    isOpen: boolean,
    hasPlace: boolean,
    now: number,
  ): Exclude<StreamStartResult, { outcome: "started" | "taken_over" }> | AdmittedStream {
    const { conversation, user, id, limit } = request;
    const log = this.charges.of(user);
    let head = this.messages.find(conversation);
    if (this.isOfRemoved(request.epoch, head)) return { outcome: "removed" };
    const stored = head && this.messages.findStored(head, this.messages.keyOf(head, user, id), user, id);
    const unmetered = isOpen ? 0 : limit;
    const decision = decidePost(stored, log, unmetered, now, this.refusalOf(request, head, now));
    if (decision.outcome === "rate_limited") this.events.refused(user, limit, now);
    if (decision.outcome !== "store") return decision;
    if (!isOpen && head !== undefined && this.changes.hasId(head, user, id)) return { outcome: "id_in_use" };
    if (!hasPlace) return { outcome: "too_many" };
    if (unmetered > 0) this.charges.charge(user, log, now);
    head ??= this.messages.create(conversation);
    const joined = this.join(request, head, now);
    return { epoch: head.epoch, quota: log.view(limit, now), joined };
  }

  /** Stores the message that a stream has become. Undefined: the conversation was removed since, or a message has the id. */
  storeStream(
    { conversation, epoch, user, id, body }: FinishedStream,
    now: number,
  ): StoredMessage | undefined {
    const head = this.messages.find(conversation);
    if (head === undefined || relationOf(epoch, head.epoch) === "removed") return undefined;
    const key = this.messages.keyOf(head, user, id);
    if (this.messages.findStored(head, key, user, id) !== undefined) return undefined;
    const entry: Entry = { kind: "message", seq: head.seq + 1, id, from: user, at: now, body };
    this.events.beforeMessage(head, now);
    this.messages.append(head, key, entry);
    this.recent.add(head.number, entry, this.messages.lastPosition);
    return { conversation, entry };
  }

  /** Whether a user may not write in a conversation any more, by its mutes, bans and members. `exempt`: only bans bind the user. */
  refusesWriter(conversation: string, user: string, exempt: boolean, now: number): boolean {
    const head = this.messages.find(conversation);
    if (head === undefined || head.guard === 0) return false;
    return refuseSpeech(accessOfGuard(head), this.members.find(head, user), exempt, now) !== undefined;
  }

  /** Returns the sender of a message that is kept, and the epoch of its conversation. */
  find(conversation: string, seq: number): { readonly from: string; readonly epoch: string } | undefined {
    const head = this.messages.find(conversation);
    if (head === undefined || seq < head.first || seq > head.seq) return undefined;
    const [entry] = this.messages.read(head, seq, seq, false, 0).entries;
    return entry && { from: entry.from, epoch: head.epoch };
  }

  /** Returns the number of a message of this epoch that is kept, by its name. */
  seqOf({ conversation, epoch, user, id }: Omit<FinishedStream, "body">): number | undefined {
    const head = this.messages.find(conversation);
    if (head === undefined || relationOf(epoch, head.epoch) === "removed") return undefined;
    return this.messages.findStored(head, this.messages.keyOf(head, user, id), user, id)?.seq;
  }

  quota(user: string, limit: number, now: number): Quota | null {
    return this.charges.view(user, limit, now);
  }

  /** Whether a user may erase what others have written. */
  moderates(head: ConversationHead, user: string): boolean {
    return rankOf(this.members.find(head, user)?.role) >= rankOf("moderator");
  }

  /** What core/members/speech.ts says of the user of a request. */
  refusalOf(
    { user, exempt = false, mustExist = false }: Pick<PostRequest, "user" | "exempt" | "mustExist">,
    head: ConversationHead | undefined,
    now: number,
  ): SpeechRefusal | undefined {
    if (mustExist && (head === undefined || !existsAsConversation(head))) return { outcome: "forbidden" };
    // In most conversations there is nothing to look up.
    if (head === undefined || head.guard === 0) return undefined;
    return refuseSpeech(accessOfGuard(head), this.members.find(head, user), exempt, now);
  }

  /** Makes the sender of a stored message a member, where that is wanted and it is none. */
  private join(
    { user, joins }: Pick<PostRequest, "user" | "joins">,
    head: ConversationHead,
    now: number,
  ): MemberNews | undefined {
    if (joins === undefined || (head.guard & GUARD_MEMBERS_ONLY) !== 0 || head.known?.has(user)) return;
    const isMember = this.members.find(head, user)?.role !== undefined;
    if (!isMember && !this.members.tryJoin(head, user, joins, now)) return;
    if (head.known === undefined || head.known.size >= MAX_KNOWN_MEMBERS) head.known = new Set();
    head.known.add(user);
    if (isMember) return;
    const news: MemberNews = { type: "member", user, change: "added", role: "member", at: now, spoke: true };
    this.events.joined(head, news, now);
    return news;
  }

  /** Whether the conversation of that epoch was removed. */
  isOfRemoved(epoch: string | undefined, head: ConversationHead | undefined): boolean {
    const now = this.messages.epochOf(head);
    return epoch !== undefined && epoch !== now && relationOf(epoch, now) === "removed";
  }

  private history(operation: OperationOf<"history">, now: number): BatchOutcome {
    const { request } = operation;
    const log = this.charges.of(request.user);
    const retryAfter = log.retryAfter(request.limit, now);
    if (retryAfter > 0) {
      this.events.refused(request.user, request.limit, now);
      return {
        operation,
        result: { outcome: "rate_limited", retryAfter, quota: log.left(request.limit, now) },
      };
    }
    if (request.limit > 0) this.charges.charge(request.user, log, now);
    const head = this.messages.find(request.conversation);
    const { entries, more } =
      head === undefined ? { entries: [], more: false } : this.reader.history(head, request);
    const quota = log.view(request.limit, now);
    if (head === undefined || head.rev === 0)
      return { operation, result: { outcome: "read", entries, more, quota } };
    const seqs = entries.map(({ seq }) => seq);
    const mine = this.changes.ownOf(head, request.user, seqs);
    return {
      operation,
      result: { outcome: "read", entries, more, quota, ...(mine.size > 0 && { mine }) },
    };
  }

  private charge(operation: ChargeOperation, now: number): BatchOutcome {
    const { user, limit, count } = operation.request;
    const log = this.charges.of(user);
    const retryAfter = log.retryAfterMany(limit, count, now);
    if (retryAfter > 0) {
      this.events.refused(user, limit, now);
      return { operation, result: { outcome: "rate_limited", retryAfter, quota: log.left(limit, now) } };
    }
    if (limit > 0) this.charges.charge(user, log, now, count);
    return { operation, result: { outcome: "charged", quota: log.view(limit, now) } };
  }

  private setReadMark(operation: OperationOf<"mark">, now: number): BatchOutcome {
    const { conversation, user, seq, epoch, exempt } = operation.request;
    const head = this.messages.find(conversation);
    const exists = head !== undefined && seq >= 1 && seq <= head.seq && !this.isOfRemoved(epoch, head);
    const isAllowed =
      exists &&
      (head.guard === 0 || !refusesMark(accessOfGuard(head), this.members.find(head, user), exempt, now));
    const moved = isAllowed && this.marks.move(head.number, user, seq, now);
    if (moved) this.events.marked(head, user, seq, now);
    return { operation, result: { outcome: moved ? "moved" : "stayed" } };
  }
}

function accessOfGuard({ guard }: ConversationHead): Access {
  return (guard & GUARD_MEMBERS_ONLY) !== 0 ? "members" : "anyone";
}
