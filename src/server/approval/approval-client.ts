import type { Question } from "../../core/approval/question.ts";
import { readBoundedText } from "../bounded-body.ts";
import { signWebhook } from "../webhooks/signature.ts";

/** The time limit for a question and its whole answer, in milliseconds. */
export const APPROVAL_TIMEOUT_MS = 1_500;

/** Largest answer that is read, in bytes: a replaced message is as long as a client's. */
const MAX_ANSWER_BYTES = 64 * 1024;

export interface ApprovalClientOptions {
  readonly url: string;
  /** Those that sign; none where APPROVAL_SECRET is not set. */
  readonly keys: readonly Uint8Array[];
  readonly version: string;
  /** In milliseconds. */
  readonly timeoutMs?: number;
}

/** Sends questions to the operator's server: one try, and not longer than the time limit, however slowly it answers (AP2, AP3). */
export class ApprovalClient {
  constructor(private readonly options: ApprovalClientOptions) {}

  /** Returns the text of the answer. Rejects where none comes that may be read. */
  async ask(question: Question): Promise<string> {
    const { url, keys, version, timeoutMs = APPROVAL_TIMEOUT_MS } = this.options;
    const body = JSON.stringify(question);
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await fetch(url, {
      method: "POST",
      body,
      signal,
      // A redirect would send the text of messages to where the operator did not say.
      redirect: "manual",
      // A small answer that unpacks to a large one is not read.
      decompress: false,
      headers: {
        "Content-Type": "application/json",
        Accept: "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": `parley/${version}`,
        ...(keys.length > 0 && signWebhook({ id: question.id, at: question.at, body }, keys)),
      },
    });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      throw new Error(`it was answered with status ${answer.status}`);
    }
    return readBoundedText(answer, MAX_ANSWER_BYTES, signal);
  }
}
