import { postRulesOf } from "../../../../core/members/post-rules.ts";
import { startReply } from "../../../../core/streams/replies.ts";
import { startOf } from "../../../../core/streams/writing.ts";
import { StreamStartBody } from "../../../../protocol/frames/stream-bodies.ts";
import { MAX_FRAME_BYTES } from "../../../../protocol/limits.ts";
import { authenticateCaller } from "../../caller.ts";
import { problem } from "../../problem.ts";
import { refusal, refuseOtherEpoch, reply, senderOf } from "../conversations.ts";
import { type Route, readRequest } from "../members/request.ts";
import { refuseAs, type StreamRoutesDeps } from "./request.ts";

/**
 * `POST /conversations/{id}/streams`: the counterpart of a `stream_start` frame. The writer names the `generation` of the answer
 * with what it sends, so that one that was taken over is fenced (ST2).
 */
export function startStreamRoute(deps: StreamRoutesDeps): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, "write");
    if (caller instanceof Response) return caller;
    const body = await readRequest(deps, c, StreamStartBody, MAX_FRAME_BYTES, caller.logFields);
    if (body instanceof Response) return body;
    const user = senderOf(deps, caller, body.from);
    if (user instanceof Response) return user;
    const { conversation, limit, plan, credential } = caller;
    const conflicting = await refuseOtherEpoch(deps, conversation, body.epoch);
    if (conflicting !== undefined) return conflicting;
    const rules = postRulesOf(caller.actor, conversation, user, deps.memberPolicy);
    const request = startOf({ conversation, user, limit, rules }, body);
    const result = await deps.streamWriters.start(request, credential);
    switch (result.outcome) {
      case "started":
      case "taken_over": {
        const { outcome, stream, generation, n, quota } = result;
        const json = JSON.stringify({ stream, generation, n });
        return reply(outcome === "started" ? 201 : 200, json, quota, plan);
      }
      case "duplicate": {
        const { seq, quota } = result;
        return reply(200, JSON.stringify({ seq, duplicate: true }), quota, plan);
      }
      case "rate_limited":
      case "unavailable":
        return refusal(result, plan);
      case "removed":
        return problem("removed");
      default: {
        const { frame } = startReply(conversation, body.id, result);
        if (frame?.type !== "error") throw new Error(`a refused start was answered by ${frame?.type}`);
        return refuseAs(deps, caller, frame);
      }
    }
  };
}
