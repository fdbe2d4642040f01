import { randomBytes } from "node:crypto";
import {
  type Answer,
  type FailPolicy,
  readAnswer,
  type Verdict,
  verdictWithoutAnswer,
} from "../../core/approval/answer.ts";
import {
  type Breaker,
  type BreakerEvent,
  CLOSED_BREAKER,
  mayAsk,
  stepBreaker,
} from "../../core/approval/breaker.ts";
import type { Asked } from "../../core/approval/question.ts";
import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { ConcurrencyLimiter } from "../concurrency-limiter.ts";
import type { ApprovalResult } from "../metrics/table.ts";
import { explainRequestError } from "../request-errors.ts";
import type { ApprovalClient } from "./approval-client.ts";

/** Questions on their way at a time. The runtime sends 256 requests at a time, and the others would wait within their time limit. */
const MAX_QUESTIONS = 200;

export interface ApproverDeps {
  readonly client: Pick<ApprovalClient, "ask">;
  /** The origin of APPROVAL_URL, for the log. */
  readonly url: string;
  readonly fail: FailPolicy;
  readonly clock: Pick<Clock, "now" | "wall">;
  readonly emit: Emit;
  /** Called with what became of each question. */
  readonly count?: ((result: ApprovalResult) => void) | undefined;
}

const RESULTS = { accept: "accepted", reject: "rejected", replace: "replaced" } as const;

/** Asks the operator's server, or decides without it where it does not answer (AP2). */
export class Approver {
  private breaker: Breaker = CLOSED_BREAKER;
  private readonly limiter = new ConcurrencyLimiter({ permits: MAX_QUESTIONS });

  constructor(private readonly deps: ApproverDeps) {}

  /** Returns what becomes of what is asked about. Never rejects. */
  async ask(asked: Asked): Promise<Verdict> {
    const { emit, fail, count } = this.deps;
    const id = `ask_${randomBytes(15).toString("base64url")}`;
    const answer = await this.tryToAsk(id, asked);
    if (answer === "failed" || answer === "skipped") {
      count?.(answer);
      return verdictWithoutAnswer(fail);
    }
    count?.(RESULTS[answer.action]);
    if (answer.action !== "accept") {
      const { type, conversation, user } = asked;
      const event = answer.action === "reject" ? "approval.rejected" : "approval.replaced";
      emit(event, { question: id, question_type: type, conversation, user });
    }
    return answer;
  }

  private async tryToAsk(id: string, asked: Asked): Promise<Answer | "failed" | "skipped"> {
    const { client, clock, emit } = this.deps;
    const acquired = this.limiter.acquire();
    const permit = acquired instanceof Promise ? await acquired : acquired;
    try {
      if (!mayAsk(this.breaker, clock.now())) return "skipped";
      this.step("asking");
      const answer = readAnswer(await client.ask({ id, at: Math.floor(clock.wall()), ...asked }), asked);
      if (answer === undefined) throw new Error("its answer is not one of accept, reject and replace");
      this.step("answered");
      return answer;
    } catch (error) {
      const { type, conversation, user } = asked;
      const reason = explainRequestError(error);
      emit("approval.failed", { question: id, question_type: type, conversation, user, reason });
      this.step("failed");
      return "failed";
    } finally {
      permit.release();
    }
  }

  private step(event: BreakerEvent): void {
    const { clock, emit, url, fail } = this.deps;
    const { breaker, changed } = stepBreaker(this.breaker, event, clock.now());
    this.breaker = breaker;
    if (changed === "opened") emit("approval.unavailable", { url, policy: fail });
    if (changed === "closed") emit("approval.recovered", { url });
  }
}
