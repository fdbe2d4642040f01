import type { RunningActivity } from "../../../activity/start.ts";
import type { CallerDeps } from "../../caller.ts";
import { replyOf } from "../../verb.ts";
import type { Route } from "../members/request.ts";
import { type ActivityReply, GET_ACTIVITY } from "./activity-schema.ts";
import { operatorRoute } from "./request.ts";

export interface ActivityRouteDeps extends CallerDeps {
  readonly activity: Pick<RunningActivity, "answer">;
}

/** `GET /activity`: what all servers do at the moment. The first request begins to count, and takes a second. */
export function getActivityRoute(deps: ActivityRouteDeps): Route {
  const reply = replyOf(GET_ACTIVITY);
  // Only the type of the schema's lists differs: theirs can be changed.
  return operatorRoute(deps, async () => reply(200, (await deps.activity.answer()) as ActivityReply));
}
