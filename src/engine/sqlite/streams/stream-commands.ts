import { encodeStreamBody } from "../../../core/conversation/entry.ts";
import type { MemberNews } from "../../../core/members/records.ts";
import type {
  EndContent,
  StreamAppend,
  StreamCancel,
  StreamCancelResult,
  StreamEnd,
  StreamEvent,
  StreamName,
  StreamStart,
} from "../../../core/ports/conversation/streams.ts";
import {
  type DraftOutcome,
  dueAt,
  jsonBytes,
  newDraft,
  type StreamRules,
  stepDraft,
} from "../../../core/streams/draft.ts";
import { APPROVAL, rejectionIn } from "../../../core/streams/rejected.ts";
import { mayCancel } from "../../../core/streams/writing.ts";
import type { Quota } from "../../../protocol/server-frames.ts";
import type { StreamCommand, StreamOperation, StreamResult } from "../../stream-operation.ts";
import type { Batch } from "../batch.ts";
import type { BatchOutcome, StoredMessage } from "../batch-outcome.ts";
import { draftText, type OpenDraft, type OpenDrafts } from "./open-drafts.ts";
import type { StopRequest, StreamTable } from "./stream-table.ts";

/** Of so many streams that have ended it is known which message they became. */
const MAX_KNOWN_ENDED = 10_000;

export interface StreamCommandsDeps {
  readonly table: StreamTable;
  readonly drafts: OpenDrafts;
  readonly batch: Batch;
  readonly rules: StreamRules;
  /** Text was dropped that the files may still have outside of its rows. Called inside the transaction. */
  readonly textDropped: () => void;
}

/** The name of the message that a stream has become. */
type EndedStream = Pick<OpenDraft, "conversation" | "epoch" | "user" | "id">;

/** What a command has done: its result, and what is announced after the commit. */
interface Done {
  readonly result: StreamResult;
  readonly messages?: readonly StoredMessage[];
  readonly events?: readonly StreamEvent[];
  /** The writer became a member. */
  readonly joined?: MemberNews | undefined;
}

/** Carries out the commands of streams inside the transaction of a batch. core/streams/draft.ts decides. */
export class StreamCommands {
  private readonly stopRequests = new Map<string, StopRequest>();
  /** The names of the messages that the newest streams have become, by conversation and handle. */
  private readonly ended = new Map<string, EndedStream>();

  constructor(private readonly deps: StreamCommandsDeps) {}

  execute(operation: StreamOperation, now: number): BatchOutcome {
    const { result, messages, events, joined } = this.carryOut(operation.request, now);
    return {
      ...{ operation, result },
      ...(messages && { messages }),
      ...(events && { events }),
      ...(joined && { joined }),
    };
  }

  /** Drops the requests of a user to stop answers that start later. */
  forget(user: string): void {
    for (const [key, { by }] of this.stopRequests) if (by === user) this.stopRequests.delete(key);
  }

  /** Reads the open streams and the requests to stop from the disk. Leases are in memory, so they begin again. */
  reload(now: number): void {
    const { drafts, table, rules } = this.deps;
    drafts.reload(table, now, rules.lease);
    this.stopRequests.clear();
    for (const request of table.stopRequests()) this.stopRequests.set(stopKey(request), request);
  }

  isWriting({ conversation, user, id }: { conversation: string; user: string; id: string }): boolean {
    const { drafts } = this.deps;
    return drafts.size > 0 && drafts.findById(conversation, user, id) !== undefined;
  }

  private carryOut(command: StreamCommand, now: number): Done {
    switch (command.type) {
      case "start":
        return this.start(command, now);
      case "append":
        return this.append(command, now);
      case "end":
        return this.end(command, now);
      case "cancel":
        return this.cancel(command, now);
      case "refuse": {
        const { user, conversation } = command;
        const own = this.deps.drafts
          .all()
          .filter(
            (draft) =>
              (user ?? draft.user) === draft.user &&
              (conversation ?? draft.conversation) === draft.conversation,
          );
        return this.endAll(own, { type: "refuse" }, now);
      }
      case "sweep": {
        const due = this.deps.drafts.all().filter(({ state }) => now >= dueAt(state, this.deps.rules));
        return this.endAll(due, { type: "due" }, now);
      }
      case "finish": {
        const draft = this.deps.drafts.find(command.conversation, command.stream);
        return this.endAll(draft === undefined ? [] : [draft], { type: command.why }, now, command.content);
      }
      default:
        return command satisfies never;
    }
  }

  private start(request: StreamStart, now: number): Done {
    const { drafts, batch, rules, table } = this.deps;
    const { conversation, user, id, data, replyTo, exempt = false } = request;
    const open = drafts.findById(conversation, user, id);
    const hasPlace = open !== undefined || drafts.countOf(user) < rules.maxOpen;
    const admitted = batch.admitStream(request, open !== undefined, hasPlace, now);
    if (!("epoch" in admitted)) return { result: admitted };
    const { quota, epoch, joined } = admitted;
    if (open !== undefined) return this.takeOver(open, request, quota, now);
    const state = newDraft(now, rules);
    const stream = newHandle();
    const row = { conversation, epoch, stream, user, id, generation: state.generation, startedAt: now };
    const number = table.add({ ...row, replyTo: replyTo ?? null, exempt: exempt ? 1 : 0 });
    const draft: OpenDraft = {
      ...{ number, conversation, epoch, stream, user, id, replyTo, exempt, data },
      ...{ text: "", state, positions: [], dataPosition: undefined },
    };
    drafts.add(draft);
    batch.events.streamStarted(draft, now);
    if (data !== undefined) this.write(draft, [{ n: 0, text: "", data }]);
    const cancelled = this.stopRequestFor(draft, now);
    if (cancelled !== undefined) this.askToStop(draft, cancelled, now);
    return {
      result: {
        ...{ outcome: "started", stream, generation: state.generation, n: 0, quota },
        ...(cancelled !== undefined && { cancelledBy: cancelled }),
      },
      events: [{ type: "draft", conversation, draft: draftText(draft) }],
      joined,
    };
  }

  private takeOver(
    draft: OpenDraft,
    { restart = false, conversation, data, exempt = false }: StreamStart,
    quota: Quota | null,
    now: number,
  ): Done {
    const { table, rules } = this.deps;
    const { draft: state, outcome } = stepDraft(draft.state, { type: "start", restart }, now, rules);
    draft.state = state!;
    draft.exempt = exempt;
    const { generation, n, cancel } = draft.state;
    const dropsText = outcome.type === "taken_over" && outcome.dropsText;
    if (dropsText) this.dropText(draft);
    if (data !== undefined) draft.data = data;
    if (draft.data !== undefined && (data !== undefined || dropsText))
      this.write(draft, [{ n, text: "", data: draft.data }]);
    table.setWriter(draft.number, generation, exempt);
    return {
      result: {
        ...{ outcome: "taken_over", stream: draft.stream, generation, n, quota },
        ...(cancel !== undefined && { cancelledBy: cancel.by }),
      },
      events: [{ type: "draft", conversation, draft: draftText(draft) }],
    };
  }

  private append(command: Extract<StreamCommand, { type: "append" }>, now: number): Done {
    const { conversation, stream, generation, appends } = command;
    const draft = this.deps.drafts.find(conversation, stream);
    const outcome = this.store(draft, generation, appends, now);
    if (outcome.type !== "stored") return { result: this.refused(outcome, command) };
    const by = draft!.state.cancel?.by;
    return { result: { outcome: "stored", n: outcome.n, ...(by !== undefined && { cancelledBy: by }) } };
  }

  private store(
    draft: OpenDraft | undefined,
    generation: number,
    appends: Extract<StreamCommand, { type: "append" }>["appends"],
    now: number,
  ): DraftOutcome {
    const { rules } = this.deps;
    const sizes = appends.map(({ n, text }) => ({ n, bytes: jsonBytes(text) }));
    const { draft: state, outcome } = stepDraft(
      draft?.state,
      { type: "append", generation, appends: sizes },
      now,
      rules,
    );
    if (draft === undefined || state === undefined || outcome.type !== "stored") return outcome;
    draft.state = state;
    const fresh = appends.slice(outcome.skip);
    if (fresh.length === 0) return outcome;
    draft.text += fresh.map(({ text }) => text).join("");
    const data = fresh.findLast((append) => append.data !== undefined)?.data;
    if (data !== undefined) draft.data = data;
    this.write(draft, fresh);
    return outcome;
  }

  /** Writes a batch. The `data` that it replaces is dropped: a writer may replace it ten times a second for an hour. */
  private write(draft: OpenDraft, appends: readonly StreamAppend[]): void {
    const { table } = this.deps;
    const position = table.append(draft.number, appends);
    draft.positions.push(position);
    if (!appends.some(({ data }) => data !== undefined)) return;
    if (draft.dataPosition !== undefined) table.dropData(draft.dataPosition);
    draft.dataPosition = position;
  }

  private end(command: StreamEnd, now: number): Done {
    const { conversation, stream, generation, appends, state, data, limit, content } = command;
    const draft = this.deps.drafts.find(conversation, stream);
    const stored = this.store(draft, generation, appends, now);
    if (stored.type !== "stored") return { result: this.refused(stored, command) };
    if (data !== undefined) draft!.data = data;
    const { outcome } = stepDraft(draft!.state, { type: "end", generation, state }, now, this.deps.rules);
    const { messages, events, ending } = this.finish(draft!, outcome, now, content);
    if (ending === undefined) return { result: { outcome: "fenced" }, events };
    if (ending.refused) return { result: { outcome: "fenced", seq: ending.seq }, messages, events };
    const rejection = rejectionIn(messages[0]!.entry.body);
    if (rejection !== undefined) return { result: { ...rejection, seq: ending.seq }, messages, events };
    const quota = this.deps.batch.quota(draft!.user, limit, now);
    return { result: { outcome: "stored", seq: ending.seq, at: ending.at, quota }, messages, events };
  }

  private cancel(request: StreamCancel, now: number): Done {
    const { drafts, rules, batch } = this.deps;
    const { conversation, target, by, moderates, discard } = request;
    const replyTo = "replyTo" in target ? target.replyTo : undefined;
    const open = drafts
      .of(conversation)
      .filter((draft) => ("stream" in target ? draft.stream === target.stream : draft.replyTo === replyTo));
    const answered = replyTo ?? open[0]?.replyTo;
    const question = answered === undefined ? undefined : batch.find(conversation, answered);
    const asker = question?.from;
    if (open.length === 0 && (replyTo === undefined || asker === undefined))
      return { result: { outcome: "not_found" } satisfies StreamCancelResult };
    const allowed = open.filter(({ user }) => mayCancel({ by, moderates, discard, writer: user, asker }));
    const forLater =
      replyTo !== undefined && !discard && question !== undefined && (moderates || asker === by);
    if (allowed.length === 0 && !forLater) return { result: { outcome: "forbidden" } };
    if (forLater)
      this.addStopRequest(
        { conversation, epoch: question!.epoch, replyTo, by, until: now + rules.lease },
        now,
      );
    const result = { outcome: "asked", streams: allowed.length } as const;
    if (discard) return { ...this.endAll(allowed, { type: "cancel", by, discard }, now), result };
    const events: StreamEvent[] = [];
    for (const draft of allowed) {
      this.askToStop(draft, by, now);
      events.push({ type: "cancel", conversation, stream: draft.stream, by });
    }
    return { result, events };
  }

  private endAll(
    drafts: readonly OpenDraft[],
    event: { type: "refuse" } | { type: "due" } | { type: "cancel"; by: string; discard: boolean },
    now: number,
    content?: EndContent,
  ): Done & { readonly result: { readonly outcome: "done" } } {
    const messages: StoredMessage[] = [];
    const events: StreamEvent[] = [];
    for (const draft of drafts) {
      const { outcome } = stepDraft(draft.state, event, now, this.deps.rules);
      const ended = this.finish(draft, outcome, now, content);
      messages.push(...ended.messages);
      events.push(...ended.events);
    }
    return { result: { outcome: "done" }, messages, events };
  }

  /** Makes a draft a message. A conversation that was removed since gets none; a writer that may not write any more, an interrupted one. */
  private finish(draft: OpenDraft, outcome: DraftOutcome, now: number, decided?: EndContent) {
    const { drafts, table, batch } = this.deps;
    const { conversation, stream, user, id, replyTo, epoch } = draft;
    const none = { messages: [] as StoredMessage[], events: [] as StreamEvent[], ending: undefined };
    if (outcome.type !== "ended") return none;
    drafts.remove(draft);
    table.remove(draft.number);
    this.keepEnded(draft);
    const refused = batch.refusesWriter(conversation, user, draft.exempt, now);
    const { content, erased, state } = endingOf(draft, outcome, decided);
    const ending = { stream, state: refused && state !== "rejected" ? ("interrupted" as const) : state };
    const body = encodeStreamBody({
      ...{ ...content, replyTo, ending },
      ...(erased !== undefined && { erased: { ...erased, at: now } }),
    });
    const stored = batch.storeStream({ conversation, epoch, user, id, body }, now);
    batch.events.streamEnded(draft, ending.state, stored?.entry.seq, now);
    if (stored === undefined || erased !== undefined || content.text !== draft.text) this.dropText(draft);
    else table.blank(draft.positions);
    const seq = stored?.entry.seq ?? 0;
    return {
      messages: stored === undefined ? [] : [stored],
      events: [{ type: "ended", conversation, stream, seq }] as StreamEvent[],
      ending: stored === undefined ? undefined : { seq, at: now, refused },
    };
  }

  /** A request to stop is stored with the stream, so that a start of the server goes on with it. */
  private askToStop(draft: OpenDraft, by: string, now: number): void {
    const { table, rules } = this.deps;
    const before = draft.state.cancel;
    draft.state = stepDraft(draft.state, { type: "cancel", by, discard: false }, now, rules).draft!;
    const { cancel } = draft.state;
    if (cancel !== undefined && cancel !== before) table.setCancel(draft.number, cancel);
  }

  private dropText(draft: OpenDraft): void {
    if (draft.positions.length === 0) return;
    this.deps.table.blank(draft.positions.splice(0));
    draft.dataPosition = undefined;
    draft.text = "";
    this.deps.textDropped();
  }

  private addStopRequest(request: StopRequest, now: number): void {
    for (const [key, { until }] of this.stopRequests) if (now >= until) this.stopRequests.delete(key);
    this.stopRequests.set(stopKey(request), request);
    this.deps.table.addStopRequest(request, now);
  }

  private stopRequestFor({ conversation, epoch, replyTo }: OpenDraft, now: number): string | undefined {
    if (replyTo === undefined || this.stopRequests.size === 0) return undefined;
    const request = this.stopRequests.get(stopKey({ conversation, epoch, replyTo }));
    return request !== undefined && now < request.until ? request.by : undefined;
  }

  private keepEnded({ conversation, stream, epoch, user, id }: OpenDraft): void {
    this.ended.set(`${conversation}/${stream}`, { conversation, epoch, user, id });
    if (this.ended.size <= MAX_KNOWN_ENDED) return;
    for (const oldest of this.ended.keys()) {
      this.ended.delete(oldest);
      return;
    }
  }

  private refused(
    outcome: DraftOutcome,
    { conversation, stream }: StreamName,
  ): Extract<StreamResult, { outcome: "gap" | "too_large" | "fenced" }> {
    if (outcome.type === "gap") return { outcome: "gap", n: outcome.n };
    if (outcome.type === "too_large") return { outcome: "too_large" };
    const ended = this.ended.get(`${conversation}/${stream}`);
    const seq = ended && this.deps.batch.seqOf(ended);
    return { outcome: "fenced", ...(seq !== undefined && { seq }) };
  }
}

/** What the message of a stream has, and how it has ended. */
function endingOf(
  { text, data }: OpenDraft,
  { state, erasedBy }: Extract<DraftOutcome, { type: "ended" }>,
  decided: EndContent | undefined,
) {
  const own = { text, data };
  if (erasedBy !== undefined) return { content: own, erased: { by: erasedBy }, state };
  if (decided === undefined) return { content: own, erased: undefined, state };
  if (!("rejected" in decided))
    return { content: { text: decided.text, data: decided.data }, erased: undefined, state };
  const { reason } = decided;
  const erased = { by: APPROVAL, ...(reason !== undefined && { reason }) };
  return { content: own, erased, state: "rejected" as const };
}

function stopKey({
  conversation,
  epoch,
  replyTo,
}: Pick<StopRequest, "conversation" | "epoch" | "replyTo">): string {
  return `${conversation}/${epoch}/${replyTo}`;
}

/** A handle: 72 random bits as 12 URL-safe characters. */
function newHandle(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(9))).toString("base64url");
}
