import { getsDemoConversations } from "../../core/access/demo-accounts.ts";
import { encodeMessageBody } from "../../core/conversation/entry.ts";
import type { Emit } from "../../core/events/events.ts";
import { createConversation } from "../../core/members/change-facts.ts";
import { perform } from "../../core/members/perform.ts";
import type { MemberPolicy } from "../../core/members/policy.ts";
import { postRulesOf } from "../../core/members/post-rules.ts";
import type { MemberStore } from "../../core/ports/conversation/members.ts";
import type { Engine } from "../../core/ports/engine.ts";
import type { PostResult } from "../../core/ports/message-log.ts";
import { demoReachOf } from "../authentication/demo-accounts.ts";
import type { Settings } from "../settings/settings.ts";
import { storeKindOf } from "../settings/store-kind.ts";
import { newName } from "./given-names.ts";
import { memberPolicyOf } from "./policy.ts";

const LOBBY = "lobby";

/** A user without an account: a program that the server runs to answer in the group (src/cli/serve/demo-agent.ts). */
export const DEMO_AGENT = "demo-agent";

/** Each message with its sender. user1 has two unread messages in each conversation, and user2 has none. */
const LOBBY_MESSAGES = [
  ["user1", "Good morning! Is the new server running?"],
  ["user2", "Since last night. I restarted it twice to see, and not one message is missing."],
  ["user1", "Nice. Then we move the team over today. Who writes the announcement?"],
  ["user3", "I do. You have it before lunch."],
  ["user2", "Thank you! I make the accounts meanwhile."],
] as const;

const GROUP_TITLE = "Cake for user3";

const GROUP_MESSAGES = [
  [
    DEMO_AGENT,
    "Hello! I am a program. I repeat what you write here, while you look on, and stop when you press Stop.",
  ],
  ["user1", "user3 has a birthday on Friday, and cannot see this group. Shall we bring a cake?"],
  ["user2", "Yes! The one with cherries, at three in the kitchen?"],
  ["user2", "I order it today. You get the candles."],
] as const;

export interface DemoStoreParts {
  readonly engine: Pick<Engine, "post" | "head">;
  readonly members: MemberStore;
  readonly emit: Emit;
  /** Whether the store has just got the demo accounts. */
  readonly isNew: boolean;
}

/**
 * Writes a lobby and a private group of user1, user2 and the demo agent into a new store, so that the page and `parley inbox` show something at
 * once. Returns whether it did. `getsDemoConversations` (core/access/demo-accounts.ts) says where.
 */
export async function seedDemoConversations(
  settings: Settings,
  { engine, members, emit, isNew }: DemoStoreParts,
): Promise<boolean> {
  if (!isNew || !mayHaveDemo(settings, (await engine.head(LOBBY)).seq)) return false;
  const policy = memberPolicyOf(settings);
  const group = newName();
  const isMade =
    (await postAll(engine, policy, LOBBY, LOBBY_MESSAGES)) &&
    (await createGroup(members, policy, group)) &&
    (await postAll(engine, policy, group, GROUP_MESSAGES));
  if (isMade) emit("demo_conversations.created", { conversations: [LOBBY, group] });
  return isMade;
}

/** Returns whether the server runs the demo agent: where a new store would get the demo conversations, and the agent is in one. */
export async function runsDemoAgent(settings: Settings, members: MemberStore): Promise<boolean> {
  // A certificate is made for another name than the address that the agent would use.
  if (settings.tlsCert !== undefined || !mayHaveDemo(settings, 0)) return false;
  const { conversations } = await members.conversationsOf(DEMO_AGENT, { limit: 1 });
  return conversations.length > 0;
}

/** Whether these settings allow demo conversations in a new store, whose lobby has `seq` messages. */
function mayHaveDemo(settings: Settings, seq: number): boolean {
  // A store that is shared by several nodes is not one that a person tries Parley with.
  if (storeKindOf(settings) !== "embedded") return false;
  return getsDemoConversations({
    wanted: settings.demoConversations,
    reach: demoReachOf(settings),
    isNew: true,
    seq,
    hasOwnKeys:
      settings.secretKey !== undefined || settings.tokenKeySet !== undefined || settings.apiKeys.length > 0,
  });
}

async function createGroup(members: MemberStore, policy: MemberPolicy, group: string): Promise<boolean> {
  const sizes = new Map([["user1", { conversations: 1 }]]);
  const actor = { kind: "user", name: "user1" } as const;
  const request = { title: GROUP_TITLE, members: [{ user: "user2" }, { user: DEMO_AGENT }] };
  const made = await perform(members, group, ["user1", "user2", DEMO_AGENT], (view) =>
    createConversation({ conversation: group, view, actor, policy }, "user1", request, sizes),
  );
  return made.outcome === "decided" && made.decision.change !== undefined;
}

/** Stores the messages in their order; false where one was refused. They are charged to no user. */
async function postAll(
  engine: Pick<Engine, "post">,
  policy: MemberPolicy,
  conversation: string,
  messages: readonly (readonly [user: string, text: string])[],
): Promise<boolean> {
  for (const [user, text] of messages) {
    const actor = { kind: "user", name: user } as const;
    const body = encodeMessageBody(text, undefined);
    const request = { conversation, user, id: crypto.randomUUID(), kind: "message", body, limit: 0 } as const;
    const rules = postRulesOf(actor, conversation, user, policy);
    const { outcome } = await new Promise<PostResult>((done) => engine.post({ ...request, ...rules }, done));
    if (outcome !== "stored") return false;
  }
  return true;
}
