import { escapeControlChars } from "../../core/escape-control-chars.ts";
import type { ListSizes } from "../../core/members/change-members.ts";
import type { Decision } from "../../core/members/decision.ts";
import { perform } from "../../core/members/perform.ts";
import type { ConversationView } from "../../core/members/records.ts";
import type { MemberRefusal } from "../../core/members/refusals.ts";
import { OPERATOR, type Scene } from "../../core/members/standing.ts";
import type { MemberStore } from "../../core/ports/conversation/members.ts";
import { memberPolicyOf } from "../../server/members/policy.ts";
import { dropOldestUnopened } from "../../server/members/unopened.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { CliError } from "../cli-error.ts";

/** A conversation that the operator changes or reads, in the open store. */
export interface OperatorRequest {
  readonly members: MemberStore;
  readonly settings: Settings;
  readonly conversation: string;
}

/** Decides and makes a change as the operator; returns false where everything was so already. Throws CliError if it is refused. */
export async function changeAsOperator(
  request: OperatorRequest,
  users: readonly string[],
  decide: (scene: Scene, sizes: ListSizes) => Decision,
): Promise<boolean> {
  const { members, conversation } = request;
  const sizes = new Map<string, { readonly conversations: number }>();
  for (const user of users) sizes.set(user, await members.listSize(user));
  const result = await perform(members, conversation, users, (view) => decide(sceneOf(request, view), sizes));
  if (result.outcome !== "decided")
    throw new CliError(
      `${escapeControlChars(conversation)} is being changed by others all the time. Run the command again.`,
    );
  const { refusal, change, added = [] } = result.decision;
  rejectRefusal(refusal);
  await dropOldestUnopened(members, added);
  return change !== undefined;
}

/** Throws CliError where the operator may not read what it asks for. */
export async function readAsOperator(
  request: OperatorRequest,
  refuse: (scene: Scene) => MemberRefusal | undefined,
): Promise<void> {
  rejectRefusal(refuse(sceneOf(request, await request.members.read(request.conversation, []))));
}

function sceneOf({ settings, conversation }: OperatorRequest, view: ConversationView): Scene {
  return { conversation, view, actor: OPERATOR, policy: memberPolicyOf(settings) };
}

function rejectRefusal(refusal: MemberRefusal | undefined): void {
  if (refusal !== undefined) throw new CliError(refusal.message);
}
