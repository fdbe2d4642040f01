// What the requests are answered that are neither messages nor reads of history.
import type { Quota, ServerFrameOf } from "../../protocol/server-frames.ts";
import type { CloseReason } from "./close-reason.ts";

/** What a request is answered, made from the result of the store. */
export interface RequestReply {
  /** Undefined where the answer was sent before, or where there is only an `ending`. */
  readonly frame: ServerFrameOf<"stream_started" | "ack" | "error"> | undefined;
  /** What is left of the plan, where the result contains it. */
  readonly quota: Quota | null | undefined;
  /** The conversation was removed, or the user may not use it any more. */
  readonly ending?: CloseReason;
  /** The `id` of the request, if it had one. */
  readonly id?: string;
}
