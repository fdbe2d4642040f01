import type { StreamAppend } from "../../../../core/ports/conversation/streams.ts";
import { foreignStreamError, writeError } from "../../../../core/streams/replies.ts";
import { StreamWriteBody } from "../../../../protocol/frames/stream-bodies.ts";
import { MAX_FRAME_BYTES } from "../../../../protocol/limits.ts";
import { authenticateCaller } from "../../caller.ts";
import { refusal, reply } from "../conversations.ts";
import { type Route, readRequest, replyJson } from "../members/request.ts";
import { readHandle, refuseAs, type StreamRoutesDeps } from "./request.ts";

/**
 * `POST /conversations/{id}/streams/{stream}`: the counterpart of `stream_append` and `stream_end` frames. It is answered when
 * what it holds is stored. With no append it keeps the stream open for another lease (ST3). It is free.
 */
export function writeStreamRoute(deps: StreamRoutesDeps): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, "write");
    if (caller instanceof Response) return caller;
    const stream = readHandle(deps, c, caller);
    if (stream instanceof Response) return stream;
    const body = await readRequest(deps, c, StreamWriteBody, MAX_FRAME_BYTES, caller.logFields);
    if (body instanceof Response) return body;
    const { conversation, limit, plan, credential, isKey } = caller;
    const { generation, appends, end } = body;
    const result = await deps.streamWriters.write({
      ...{ conversation, stream, generation, token: credential },
      user: isKey ? undefined : caller.user,
      appends: appends.map(storedAppend),
      ...(end !== undefined && { end: { state: end.state, limit, ...jsonOf(end) } }),
    });
    switch (result.outcome) {
      case "stored": {
        const { n, cancelledBy: by } = result;
        return replyJson({ n, ...(by !== undefined && { cancel: { by } }) });
      }
      case "ended": {
        const { seq, at, quota } = result;
        return reply(200, JSON.stringify({ seq, at, quota }), quota, plan);
      }
      case "unavailable":
        return refusal(result, plan);
      case "forbidden":
        return refuseAs(deps, caller, foreignStreamError(stream));
      default:
        return refuseAs(deps, caller, writeError(stream, result));
    }
  };
}

function storedAppend({ n, text, data }: StreamWriteBody["appends"][number]): StreamAppend {
  return { n, text, ...jsonOf({ data }) };
}

function jsonOf({ data }: { readonly data?: object | undefined }): { readonly data?: string } {
  return data === undefined ? {} : { data: JSON.stringify(data) };
}
