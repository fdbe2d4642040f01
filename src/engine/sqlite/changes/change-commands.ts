import {
  type Change,
  type ChangedMessage,
  type ChangeMade,
  decideChange,
  erasesContent,
  shownKindOf,
} from "../../../core/changes/decide-change.ts";
import {
  decodeContent,
  decodeState,
  encodeErased,
  encodeState,
} from "../../../core/changes/message-state.ts";
import { ERASED_USER, idOfErased } from "../../../core/person/erased-user.ts";
import type { ChangeRequest, ChangeResult, StoredChange } from "../../../core/ports/conversation/changes.ts";
import type { ChangeOperation, ChangeOutcome } from "../../change-operation.ts";
import type { Batch } from "../batch.ts";
import type { BatchOutcome } from "../batch-outcome.ts";
import type { RecentHeads } from "../inbox/recent-heads.ts";
import type { ConversationHead } from "../messages/conversation-head.ts";
import type { Eraser } from "../messages/eraser.ts";
import type { LoggedMessage, MessageLog } from "../messages/message-log.ts";
import type { QuotaLog } from "../messages/quota-log.ts";
import type { ChangeIds, IdentifiedChange } from "./change-ids.ts";
import type { ChangeTable } from "./change-table.ts";
import type { ReactionTable } from "./reaction-table.ts";

export interface ChangeCommandsDeps {
  readonly batch: Batch;
  readonly messages: MessageLog;
  readonly charges: QuotaLog;
  readonly recent: RecentHeads;
  readonly eraser: Pick<Eraser, "markBlanked">;
  readonly table: ChangeTable;
  readonly reactions: ReactionTable;
  readonly ids: ChangeIds;
  /** For how long users may edit and erase their own messages, in milliseconds; 0 without an end. */
  readonly editWithin: number;
}

/** A message that is to be changed. */
interface Found extends ChangedMessage {
  readonly logged: LoggedMessage;
}

/** Carries out changes inside the transaction of a batch. core/changes/decide-change.ts decides. */
export class ChangeCommands {
  constructor(private readonly deps: ChangeCommandsDeps) {}

  execute(operation: ChangeOperation, now: number): BatchOutcome {
    const { request } = operation;
    const head = this.deps.messages.find(request.conversation);
    const found = this.refuse(request, head, now) ?? this.carryOut(request, head!, now);
    if ("stored" in found) return { operation, result: found.result, changed: found.stored };
    return { operation, result: found };
  }

  /** Whether a change of the user has this id. Costs nothing where nothing was changed (CH5). */
  hasId(head: ConversationHead, user: string, id: string): boolean {
    return head.rev > 0 && this.findId(head, user, id) !== undefined;
  }

  /** Returns the reply to a request that does not come to the message. */
  private refuse(
    request: ChangeRequest,
    head: ConversationHead | undefined,
    now: number,
  ): ChangeResult | undefined {
    const { batch, messages, charges } = this.deps;
    const { conversation, user, id, seq, epoch, expectedEpoch, limit } = request;
    if (batch.isOfRemoved(epoch, head)) return { outcome: "removed" };
    const refusal = batch.refusalOf(request, head, now);
    // A muted user may still erase, and learns that a change was made before.
    if (refusal !== undefined && refusal.outcome !== "muted") return refusal;
    const present = messages.epochOf(head);
    if (expectedEpoch !== undefined && expectedEpoch !== present)
      return { outcome: "other_epoch", epoch: present };
    if (head === undefined) return { outcome: "not_found" };
    if (id === undefined) return undefined;
    const earlier = head.rev > 0 ? this.findId(head, user, id) : undefined;
    if (earlier !== undefined) {
      const { rev, at } = earlier;
      if (earlier.seq !== seq) return { outcome: "id_in_use" };
      return { outcome: "duplicate", seq, rev, at, quota: charges.view(user, limit, now) };
    }
    const isUsed =
      batch.streams.isWriting({ conversation, user, id }) ||
      messages.findStored(head, messages.keyOf(head, user, id), user, id) !== undefined;
    return isUsed ? { outcome: "id_in_use" } : undefined;
  }

  private carryOut(
    request: ChangeOperation["request"],
    head: ConversationHead,
    now: number,
  ): ChangeOutcome | { readonly result: ChangeResult; readonly stored: StoredChange } {
    const { batch, charges, editWithin } = this.deps;
    const { user, seq, change, limit } = request;
    const message = this.find(head, seq, user, change);
    const decision = decideChange(message, change, {
      ...{ by: user, editWithin, now, rev: head.rev + 1 },
      moderates: request.moderates || (change.kind === "erase" && batch.moderates(head, user)),
      refusal: batch.refusalOf(request, head, now),
    });
    const log = charges.of(user);
    if (decision.outcome === "duplicate")
      return { outcome: "duplicate", seq, at: now, quota: log.view(limit, now) };
    if (decision.outcome !== "changed") return decision;
    const retryAfter = log.retryAfter(limit, now);
    if (retryAfter > 0 && change.kind !== "erase") {
      batch.events.refused(user, limit, now);
      return { outcome: "rate_limited", retryAfter, quota: log.left(limit, now) };
    }
    if (request.isTrial)
      return { outcome: "acceptable", id: message!.logged.entry.id, body: decision.body ?? message!.body };
    if (limit > 0 && retryAfter === 0) charges.charge(user, log, now);
    const stored = this.write(request, head, message!, decision, now);
    const { rev } = decision.state;
    batch.events.changed(head, request, rev, now);
    return {
      result: { outcome: "changed", seq, rev, at: now, quota: log.view(limit, now) },
      stored,
    };
  }

  private find(head: ConversationHead, seq: number, user: string, change: Change): Found | undefined {
    const { messages, reactions } = this.deps;
    const logged = messages.readLogged(head, seq);
    if (logged === undefined) return undefined;
    const stored = head.rev === 0 ? undefined : messages.changes.states(head.number, seq, seq).get(seq);
    const message = {
      logged,
      from: logged.entry.from,
      at: logged.entry.at,
      body: stored?.edited ?? logged.entry.body,
      state: stored && decodeState(stored.state),
    };
    if (change.kind !== "react" || head.rev === 0) return message;
    const own = reactions.own(head.number, user, [seq]).get(seq) ?? [];
    return { ...message, own, newest: reactions.newestUsers(head.number, seq, change.reaction) };
  }

  private write(
    { conversation, user: by, seq, change, id }: ChangeRequest,
    head: ConversationHead,
    message: Found,
    { state, body, set, forgetsSender }: ChangeMade,
    now: number,
  ): StoredChange {
    const { messages, table, reactions, ids, recent, eraser } = this.deps;
    const { number } = head;
    const place = { conversation: number, seq };
    const { rev } = state;
    if (body !== undefined) {
      eraser.markBlanked();
      // The log keeps what an erasure would leave: no row of it grows.
      const left = encodeErased(decodeContent(body));
      if (message.logged.entry.body !== left) messages.replaceBody(message.logged.position, left);
      table.writeBody(place, erasesContent(change) ? undefined : body);
      if (message.state?.reactions !== undefined && erasesContent(change)) reactions.eraseAll(place);
      // The inbox shows the newest message.
      if (seq === head.seq) recent.change(number, now);
    }
    if (forgetsSender) messages.forgetSender(message.logged.position);
    if (change.kind === "react") reactions.set(place, by, change.reaction, change.on, rev);
    table.write(place, message.logged.position, state, now);
    if (id !== undefined) ids.add(number, by, id, { seq, rev, at: now });
    messages.setRev(head, rev);
    const entry = {
      ...message.logged.entry,
      body: (body ?? message.body) + encodeState(state),
      ...(forgetsSender && { from: ERASED_USER, id: idOfErased(seq) }),
    };
    return { conversation, epoch: head.epoch, rev, seq, kind: shownKindOf(change), by, at: now, set, entry };
  }

  private findId(head: ConversationHead, user: string, id: string): IdentifiedChange | undefined {
    const change = this.deps.ids.find(head.number, user, id);
    // As for messages, an id of what is not kept may be used again.
    return change === undefined || change.seq < head.first ? undefined : change;
  }
}
