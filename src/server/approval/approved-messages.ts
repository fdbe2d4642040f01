import { refusalOf, type Verdict } from "../../core/approval/answer.ts";
import { askedMessage } from "../../core/approval/question.ts";
import { encodeMessageBody } from "../../core/conversation/entry.ts";
import type {
  HistoryRequest,
  HistoryResult,
  MessageLog,
  PostRequest,
  PostResult,
} from "../../core/ports/message-log.ts";
import type { Message } from "../../protocol/server-frames.ts";
import type { Approver } from "./approver.ts";
import type { SenderQueues } from "./sender-queues.ts";

export interface ApprovedDeps {
  readonly approver: Pick<Approver, "ask">;
  readonly queues: SenderQueues;
}

/** The messages of an engine, each approved before it is stored (AP1). */
export class ApprovedMessages implements Pick<MessageLog, "post" | "history"> {
  constructor(
    private readonly messages: Pick<MessageLog, "post" | "history" | "consider">,
    private readonly deps: ApprovedDeps,
  ) {}

  post(request: PostRequest, done: (result: PostResult) => void): void {
    const { id, body } = request;
    const isTaken = this.deps.queues.add(
      request,
      { type: "message", id, content: body },
      (shared, finish) => {
        // In the turn in which the result comes, as without approval: the frames of the turn leave together.
        const answer = (result: PostResult, verdict?: Verdict) => {
          done(result);
          finish(verdict);
        };
        this.messages.consider(request, (result) => {
          if (result.outcome !== "acceptable") answer(result);
          else if (shared !== undefined) this.carryOut(request, shared, answer);
          else this.ask(request).then((verdict) => this.carryOut(request, verdict, answer));
        });
      },
    );
    if (!isTaken) done({ outcome: "busy" });
  }

  /** Waits for the messages of the same user before it: a reply must not overtake theirs (MX1). */
  history(request: HistoryRequest, done: (result: HistoryResult) => void): void {
    const { queues } = this.deps;
    if (queues.has(request))
      queues.add(request, undefined, (_, finish) =>
        this.messages.history(request, (result) => {
          done(result);
          finish();
        }),
      );
    else this.messages.history(request, done);
  }

  private ask({ conversation, user, id, body }: PostRequest): Promise<Verdict> {
    return this.deps.approver.ask({ type: "message", conversation, user, message: askedMessage(id, body) });
  }

  private carryOut(
    request: PostRequest,
    verdict: Verdict,
    answer: (result: PostResult, verdict: Verdict) => void,
  ): void {
    switch (verdict.action) {
      case "accept":
        this.messages.post(request, (result) => answer(result, verdict));
        break;
      case "replace": {
        const { text, data } = verdict.content;
        const { reply_to } = askedMessage(request.id, request.body);
        const body = encodeMessageBody(text, data as Message["data"], reply_to);
        this.messages.post({ ...request, body }, (result) => answer(result, verdict));
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
}
