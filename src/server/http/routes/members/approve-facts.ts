import type { Replaced } from "../../../../core/approval/answer.ts";
import type { Decision } from "../../../../core/members/decision.ts";
import { rejection } from "../../../../core/members/refusals.ts";
import type { Scene } from "../../../../core/members/standing.ts";
import { unavailableText } from "../../../../core/session/store-refusals.ts";
import type { Caller } from "../../caller.ts";
import { problem } from "../../problem.ts";
import { type MemberRoutesDeps, refuseRequest, sceneOf } from "./request.ts";

/** The facts of a conversation that others read. */
interface Facts {
  readonly title?: string | null | undefined;
  readonly data?: Record<string, unknown> | null | undefined;
}

/**
 * Asks about the title and the data in a request (AP1). Returns the request, with what was replaced; or the refusal. A request that
 * `decide` refuses, or that changes nothing, is answered by `carryOut` without a question. `users`: those that the decision needs.
 */
export async function approveFacts<F extends Facts>(
  deps: MemberRoutesDeps,
  caller: Caller,
  request: F,
  { users, asker = caller.user, decide, dropped }: Asking<F>,
): Promise<F | Response> {
  const { factsApprover } = deps;
  const { title, data } = request;
  if (factsApprover === undefined || ((title ?? "") === "" && (data ?? undefined) === undefined))
    return request;
  const { conversation, actor } = caller;
  const all = [...new Set(actor.kind === "user" ? [actor.name, ...users] : users)];
  const scene = sceneOf(deps, caller, await deps.members.read(conversation, all));
  const { refusal, change } = decide(scene, request);
  if (refusal !== undefined || change === undefined) return request;
  const verdict = await factsApprover.ask({
    ...{ type: "conversation", conversation, user: asker },
    ...(title !== undefined && { title }),
    ...(data !== undefined && { data }),
  });
  switch (verdict.action) {
    case "accept":
      return request;
    case "replace":
      return { ...request, ...replacedFacts(request, verdict.content, dropped) };
    case "reject":
      return refuseRequest(deps, caller, rejection(verdict.reason));
    case "unavailable":
      return problem("unavailable", {
        detail: unavailableText({ because: "approval" }),
        headers: { "Retry-After": "1" },
      });
    default:
      return verdict satisfies never;
  }
}

interface Asking<F> {
  readonly users: readonly string[];
  /** For whom an API key speaks. */
  readonly asker?: string | undefined;
  readonly decide: (scene: Scene, request: F) => Decision;
  /** What `data` is in a request that drops it. */
  readonly dropped?: null;
}

/** Returns what takes the place of the facts that the request names. */
function replacedFacts({ title, data }: Facts, content: Replaced, dropped: null | undefined): Facts {
  const named = title === undefined && content.text === "" ? {} : { title: content.text };
  if (data === undefined && content.data === undefined) return named;
  return { ...named, data: (content.data as Facts["data"]) ?? dropped };
}
