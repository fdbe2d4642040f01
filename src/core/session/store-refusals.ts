// The `error` frames for requests that the store refuses, whatever they are about.
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { RateLimited } from "../ports/message-log.ts";
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

/** The `error` frame for a request that the store cannot carry out now; `named`: what the request was about. */
export function unavailableFrame(
  named: Pick<ServerFrameOf<"error">, "id" | "stream">,
): ServerFrameOf<"error"> {
  const message = "The store cannot be written now. Send the same frame again in a moment.";
  return { type: "error", code: "unavailable", message, ...named, retry_after: 1 };
}
