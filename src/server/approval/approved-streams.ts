import { refusalOf, type Verdict } from "../../core/approval/answer.ts";
import type { AskedMessage } from "../../core/approval/question.ts";
import type {
  DraftText,
  EndContent,
  StreamEnd,
  StreamEndResult,
  StreamStart,
  StreamStartResult,
  Streams,
} from "../../core/ports/conversation/streams.ts";
import type { MessageLog } from "../../core/ports/message-log.ts";
import type { ApprovedDeps } from "./approved-messages.ts";

/** The streams of an engine, each approved when it starts, and with its whole text when it ends (AP4). */
export class ApprovedStreams implements Streams {
  readonly append: Streams["append"];
  readonly cancel: Streams["cancel"];
  readonly renew: Streams["renew"];
  readonly refuse: Streams["refuse"];
  readonly approveEnds: Streams["approveEnds"];
  readonly drafts: Streams["drafts"];
  readonly publish: Streams["publish"];
  readonly watch: Streams["watch"];

  constructor(
    private readonly streams: Streams,
    private readonly messages: Pick<MessageLog, "consider">,
    private readonly deps: ApprovedDeps,
  ) {
    this.append = (request, done) => streams.append(request, done);
    this.cancel = (request) => streams.cancel(request);
    this.renew = (writers) => streams.renew(writers);
    this.refuse = (user, conversation) => streams.refuse(user, conversation);
    this.approveEnds = (decide) => streams.approveEnds(decide);
    this.drafts = (conversation) => streams.drafts(conversation);
    this.publish = (event) => streams.publish(event);
    this.watch = (listener) => streams.watch(listener);
    streams.approveEnds(async (draft) => endContent(draft, await this.askAboutEnd(draft, draft.data)));
  }

  start(request: StreamStart, done: (result: StreamStartResult) => void): void {
    const { id, data, replyTo, restart } = request;
    const content = JSON.stringify([data, replyTo, restart]);
    const isTaken = this.deps.queues.add(request, { type: "stream_start", id, content }, (shared, finish) => {
      const answer = (result: StreamStartResult, verdict?: Verdict) => {
        done(result);
        finish(verdict);
      };
      this.messages.consider(request, (result) => {
        if (result.outcome !== "acceptable") {
          if (result.outcome === "stored") throw new Error("A stream was stored that was only considered.");
          return answer(result as StreamStartResult);
        }
        this.verdictOfStart(request, shared).then(
          (verdict) => this.carryOutStart(request, verdict, answer),
          () => answer({ outcome: "unavailable" }),
        );
      });
    });
    if (!isTaken) done({ outcome: "busy" });
  }

  end(request: StreamEnd, done: (result: StreamEndResult) => void): void {
    const { conversation, stream, user = stream } = request;
    const asked = { type: "stream_end", id: undefined, content: "" } as const;
    const isTaken = this.deps.queues.add({ conversation, user }, asked, (_, finish) => {
      this.endInTurn(request).then(
        (result) => {
          done(result);
          finish();
        },
        () => {
          done({ outcome: "unavailable" });
          finish();
        },
      );
    });
    if (!isTaken) done({ outcome: "busy" });
  }

  /** A takeover brings nothing new to read, and is not asked about: its end is. */
  private async verdictOfStart(request: StreamStart, shared: Verdict | undefined): Promise<Verdict> {
    const { conversation, user, id, data, replyTo } = request;
    const open = await this.streams.drafts(conversation);
    if (open.some((draft) => draft.from === user && draft.id === id)) return { action: "accept" };
    if (shared !== undefined) return shared;
    const message: AskedMessage = {
      ...{ id, text: "" },
      ...(data !== undefined && { data: JSON.parse(data) }),
      ...(replyTo !== undefined && { reply_to: replyTo }),
    };
    return this.deps.approver.ask({ type: "stream_start", conversation, user, message });
  }

  private carryOutStart(
    request: StreamStart,
    verdict: Verdict,
    answer: (result: StreamStartResult, verdict: Verdict) => void,
  ): void {
    switch (verdict.action) {
      case "accept":
        this.streams.start(request, (result) => answer(result, verdict));
        break;
      case "replace": {
        const { data: _, ...rest } = request;
        const { data } = verdict.content;
        const replaced = { ...rest, ...(data !== undefined && { data: JSON.stringify(data) }) };
        this.streams.start(replaced, (result) => answer(result, verdict));
        break;
      }
      case "reject":
      case "unavailable":
        answer(refusalOf(verdict), verdict);
        break;
      default:
        verdict satisfies never;
    }
  }

  /** Stores the last appends, asks about the whole text, and ends the stream with what was approved. */
  private async endInTurn(request: StreamEnd): Promise<StreamEndResult> {
    const { conversation, stream, generation, appends, data } = request;
    const { data: _, ...rest } = request;
    if (appends.length > 0) {
      const stored = await new Promise<Parameters<Parameters<Streams["append"]>[1]>[0]>((done) =>
        this.streams.append({ conversation, stream, generation, appends }, done),
      );
      // An earlier try may have ended it, which the engine finds out.
      if (stored.outcome === "fenced") return this.endNow({ ...rest, appends: [] });
      if (stored.outcome !== "stored") return stored;
    }
    const open = await this.streams.drafts(conversation);
    const draft = open.find((one) => one.stream === stream && one.generation === generation);
    // It has ended, or another writer has it: the engine says which. Without its appends nothing new is stored by that.
    if (draft === undefined) return this.endNow({ ...rest, appends: [] });
    const verdict = await this.askAboutEnd(draft, data ?? draft.data);
    if (verdict.action === "unavailable") return { outcome: "unavailable", because: "approval" };
    const content = endContent({ ...draft, ...(data !== undefined && { data }) }, verdict);
    return this.endNow({ ...rest, appends: [], content });
  }

  private endNow(request: StreamEnd): Promise<StreamEndResult> {
    return new Promise((done) => this.streams.end(request, done));
  }

  private askAboutEnd(draft: DraftText, data: string | undefined): Promise<Verdict> {
    const { conversation, from: user, id, text, replyTo } = draft;
    const message: AskedMessage = {
      ...{ id, text },
      ...(data !== undefined && { data: JSON.parse(data) }),
      ...(replyTo !== undefined && { reply_to: replyTo }),
    };
    return this.deps.approver.ask({ type: "stream_end", conversation, user, message });
  }
}

/** What becomes of a stream. Without an answer, and with APPROVAL_FAIL `closed`, nobody may read it. */
function endContent({ text, data }: DraftText, verdict: Verdict): EndContent {
  switch (verdict.action) {
    case "accept":
      return { text, ...(data !== undefined && { data }) };
    case "replace": {
      const { content } = verdict;
      return {
        text: content.text,
        ...(content.data !== undefined && { data: JSON.stringify(content.data) }),
      };
    }
    case "reject":
      return { rejected: true, ...(verdict.reason !== undefined && { reason: verdict.reason }) };
    case "unavailable":
      return { rejected: true };
    default:
      return verdict satisfies never;
  }
}
