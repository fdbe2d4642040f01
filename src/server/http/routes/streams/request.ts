// What the routes of streams have in common.
import type { Streams } from "../../../../core/ports/conversation/streams.ts";
import type { ErrorFrame } from "../../../../core/streams/replies.ts";
import { StreamHandle } from "../../../../protocol/frames/stream-frames.ts";
import type { HttpWriters } from "../../../streams/http-writers.ts";
import type { Caller } from "../../caller.ts";
import type { HttpContext } from "../../context.ts";
import { problem, retryAfterSeconds } from "../../problem.ts";
import type { ConversationRoutesDeps } from "../conversations.ts";

export interface StreamRoutesDeps extends ConversationRoutesDeps {
  readonly streamWriters: Pick<HttpWriters, "start" | "write">;
  readonly streams: Pick<Streams, "cancel">;
}

/** Returns the stream in the address, or the refusal. */
export function readHandle(deps: StreamRoutesDeps, c: HttpContext, { logFields }: Caller): string | Response {
  const stream = StreamHandle.safeParse(c.req.param("stream"));
  if (stream.success) return stream.data;
  deps.emit("request.invalid", { ...logFields, code: "bad_address" });
  return problem("bad_address", {
    detail: "The stream in the address must be the 12 characters of its start.",
  });
}

/** Returns an error of a socket as the response to a request, and logs it. */
export function refuseAs(
  deps: StreamRoutesDeps,
  { logFields, conversation }: Caller,
  { type: _, code, message: detail, id: __, stream: ___, ...fields }: ErrorFrame,
): Response {
  deps.emit("request.refused", { ...logFields, conversation, code, reason: detail });
  const { retry_after: wait } = fields;
  const headers: Record<string, string> =
    wait === undefined ? {} : { "Retry-After": retryAfterSeconds(wait * 1000) };
  return problem(code, { detail, headers, extra: fields });
}
