import { getsDemoConversations } from "../../core/access/demo-accounts.ts";
import type { Change } from "../../core/changes/decide-change.ts";
import { encodeMessageBody } from "../../core/conversation/entry.ts";
import type { Emit } from "../../core/events/events.ts";
import { createConversation } from "../../core/members/change-facts.ts";
import { perform } from "../../core/members/perform.ts";
import type { MemberPolicy } from "../../core/members/policy.ts";
import { postRulesOf } from "../../core/members/post-rules.ts";
import type { ChangeResult } from "../../core/ports/conversation/changes.ts";
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

/** A message of a demo conversation; `replyTo` is the `seq` of the one that it answers. */
interface DemoMessage {
  readonly from: string;
  readonly text: string;
  readonly replyTo?: number;
}

/** user1 has two unread messages in each conversation, and user2 has none. */
const LOBBY_MESSAGES: readonly DemoMessage[] = [
  { from: "user1", text: "Good morning! Is the new server running?" },
  { from: "user2", text: "Since last night. I restarted it twice to see, and not one message is missing." },
  { from: "user1", text: "Nice. Then we move the team over today. Who writes the announcement?" },
  { from: "user3", text: "I do. You have it this evening.", replyTo: 3 },
  { from: "user2", text: "Thank you! I make the accounts meanwhile." },
];

/** What is done to the messages of the lobby afterwards: an edit, and two reactions. */
const LOBBY_CHANGES: readonly { readonly by: string; readonly seq: number; readonly change: Change }[] = [
  { by: "user3", seq: 4, change: { kind: "edit", text: "I do. You have it before lunch." } },
  { by: "user1", seq: 2, change: { kind: "react", reaction: "🎉", on: true } },
  { by: "user2", seq: 4, change: { kind: "react", reaction: "👍", on: true } },
];

const GROUP_TITLE = "Cake for user3";

const GROUP_MESSAGES: readonly DemoMessage[] = [
  {
    from: DEMO_AGENT,
    text: "Hello! I am a program. I repeat what you write here, while you look on, and stop when you press Stop.",
  },
  {
    from: "user1",
    text: "user3 has a birthday on Friday, and cannot see this group. Shall we bring a cake?",
  },
  { from: "user2", text: "Yes! The one with cherries, at three in the kitchen?" },
  { from: "user2", text: "I order it today. You get the candles." },
];

export interface DemoStoreParts {
  readonly engine: Pick<Engine, "post" | "head" | "changes">;
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
    (await changeAll(engine, LOBBY)) &&
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
  messages: readonly DemoMessage[],
): Promise<boolean> {
  for (const { from: user, text, replyTo } of messages) {
    const actor = { kind: "user", name: user } as const;
    const body = encodeMessageBody(text, undefined, replyTo);
    const request = { conversation, user, id: crypto.randomUUID(), kind: "message", body, limit: 0 } as const;
    const rules = postRulesOf(actor, conversation, user, policy);
    const { outcome } = await new Promise<PostResult>((done) => engine.post({ ...request, ...rules }, done));
    if (outcome !== "stored") return false;
  }
  return true;
}

/** Makes the changes of the lobby in their order; false where one was refused. They are charged to no user. */
async function changeAll({ changes }: Pick<Engine, "changes">, conversation: string): Promise<boolean> {
  for (const { by: user, seq, change } of LOBBY_CHANGES) {
    const request = { conversation, user, seq, change, limit: 0, moderates: false };
    const { outcome } = await new Promise<ChangeResult>((done) => changes.change(request, done));
    if (outcome !== "changed") return false;
  }
  return true;
}
