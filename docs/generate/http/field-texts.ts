// What the fields of requests mean: docs/openapi.json has these texts, and the page GET /docs shows them.
import { MAX_DATA_DEPTH, MAX_DATA_VALUES } from "../../../src/protocol/limits.ts";
import { MAX_CONVERSATION_DATA_BYTES } from "../../../src/protocol/member-requests.ts";

const MESSAGE_DATA = `Any JSON object, for programs: at most ${MAX_DATA_DEPTH} levels and ${MAX_DATA_VALUES} values. Text and data of a message together have at most 64 KiB.`;
const FACTS_DATA = `Any JSON object, for programs: at most ${MAX_CONVERSATION_DATA_BYTES} bytes as JSON.`;
const REPEATABLE =
  "Chosen by the sender. A request that is sent again with the same one is carried out once, so it may be repeated when the answer was lost.";

/** By the name of a field. */
const TEXTS: Readonly<Record<string, string>> = {
  access: "Who belongs to it: `anyone` who is signed in, or its `members` only.",
  after: "Messages after this `seq`, the oldest first.",
  appends: "What is added, in the order of `n`; may be empty, to ask or to keep the stream open.",
  around: "Messages before and after this `seq`.",
  before: "Messages before this `seq`.",
  conversation: "The conversation that is meant.",
  conversations: "Names, or beginnings with a `*` at the end. Without it: all.",
  cursor: "The `cursor` of the page before. Without it: the first page.",
  data: MESSAGE_DATA,
  direct:
    "The other user of a direct conversation. Two users have one such conversation: it is answered where it is there. Not with `members` or `access`.",
  disabled: "A disabled user cannot sign in, and its sockets are closed.",
  discard: "Ends it at once, as a message without content. Only the writer's user and moderators may.",
  end: "Ends the stream: it is stored as a message.",
  epoch: "The epoch in which the sender knows the conversation; another one is refused as `conflict`.",
  from: "For API keys: the user in whose name it is done. Users leave it out.",
  generation: "That of the start's answer. It is refused when another writer has taken the stream over.",
  grant_type: "`password` where it is missing.",
  id: REPEATABLE,
  if_rev: "The change is made only if the message has this `rev`; else `conflict`.",
  limit: "At most so many.",
  members: "Members from the start on.",
  n: "The number of the append: 1, 2, … A repeat of one that is there changes nothing.",
  name: "The name of the key.",
  password: "The password of the account.",
  plan: "The name of a plan in `PLANS`.",
  reason: "Why, for those who see it.",
  refresh_token: "A refresh token, as a sign-in answered it.",
  reply_to: "The `seq` of the message that is answered.",
  restart: "At a takeover: drops the text, and begins again with `n` 1.",
  rights: "What the key may do.",
  role: "`member` where it is missing.",
  scope: "With `offline_access` in it, the answer has a refresh token.",
  seconds: "For how long; without it there is no end.",
  seq: "Up to this message. A mark goes forward only, to a message that is there: other values change nothing, and the answer has the mark as it is.",
  since: "Events from this time on, in milliseconds since 1970.",
  state: "`done` where it is missing.",
  text: "The text. In a message it may be empty if there is `data`.",
  title: "A title for people, without control characters.",
  token: "The token that is revoked.",
  token_id: "The `jti` of the token that is revoked.",
  types: "Types of events; `member.*` is all that begin with `member.`.",
  url: "Where events are posted to: `https`, with a public address.",
  user: "The user that is meant.",
  username: "The name of the account.",
  wait: "Seconds to wait for the first event.",
};

/** By verb and field, where a field means something else there. Fields of an object in a body are named with their path. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  "addWebhook.id": "The name of the webhook; without it one is made.",
  "createConversation.data": FACTS_DATA,
  "createConversation.id": `${REPEATABLE} Without it each request makes another conversation.`,
  "listUsers.disabled": "Only users that are disabled (`true`), or that are not (`false`).",
  "listUsers.plan": "Only users of this plan.",
  "makeTicket.conversation": "The ticket opens this conversation only. Without it: the socket of the user.",
  "patchConversation.data": `${FACTS_DATA} null drops it.`,
  "patchConversation.title": "A title for people, without control characters; null drops it.",
  "patchUser.password": "The new password; null: the user cannot sign in with one.",
  "putConversation.data": FACTS_DATA,
  "editMessage.data": `${MESSAGE_DATA} null drops it; without it, it stays.`,
  "editMessage.text": "The new text; without it, it stays.",
  "makeApiKey.conversations":
    "The key is for these only: names, or beginnings with a `*` at the end. Without it: all.",
  "markAsRead.user": "For API keys: the user who has read.",
  "readEvents.after":
    "A position, as an answer has it. `0`: from the oldest event that is kept. Without it: from now on.",
  "readEvents.conversation":
    "Only events of these: names, or beginnings with a `*` at the end. May be there several times.",
  "readEvents.types": "Types of events with commas between; `member.*` is all that begin with `member.`.",
  "readInbox.after": "The `position` of an earlier answer: only what has changed since.",
  "readInbox.user": "For API keys: the user whose list it is.",
  "replayWebhook.after": "Events after this position.",
  "revoke.user": "All tokens of this user are revoked.",
  "rotateWebhookSecret.seconds": "For how long the old secret signs, too.",
  "writeStream.appends[].text": "What is added to the text.",
};

/** Returns what a field of a request means. `path` is its name, after those of the objects that have it. Throws where no text is there. */
export function fieldText(operation: string, path: string): string {
  const text = EXCEPTIONS[`${operation}.${path}`] ?? TEXTS[path.split(/[.[\]]+/).at(-1)!];
  if (text === undefined) throw new Error(`field-texts.ts has nothing about ${path} of ${operation}.`);
  return text;
}
