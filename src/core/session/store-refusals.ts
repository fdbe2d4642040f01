// The `error` frames for requests that the store refuses, or that the approval does not answer, whatever they are about.
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { RateLimited, Unavailable } from "../ports/message-log.ts";
import { formatDuration } from "./effects.ts";

/** The `error` frame for a request over the plan; `id` is that of the request, where it had one. */
export function rateLimitedFrame(
  { quota, retryAfter }: RateLimited,
  id: string | undefined,
): ServerFrameOf<"error"> {
  const message = `All ${quota.limit} requests of this hour are used; the next is accepted in ${formatDuration(retryAfter)}.`;
  const named = id === undefined ? {} : { id };
  return { type: "error", code: "rate_limited", message, ...named, retry_after: retryAfter / 1000, quota };
}

/** Says why a request is not carried out now, and what to do. */
export function unavailableText({ because }: Omit<Unavailable, "outcome">): string {
  return because === "approval"
    ? "The operator's approval gives no answer. Send the same again, with the same id, in a moment."
    : "The store cannot be written now. Send the same again, with the same id, in a moment.";
}

/** The `error` frame for a request that cannot be carried out now; `named`: what the request was about. */
export function unavailableFrame(
  named: Pick<ServerFrameOf<"error">, "id" | "stream">,
  result: Omit<Unavailable, "outcome"> = {},
): ServerFrameOf<"error"> {
  return { type: "error", code: "unavailable", message: unavailableText(result), ...named, retry_after: 1 };
}
