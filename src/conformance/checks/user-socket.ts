import type { Check } from "../check.ts";
import type { TestContext, TestUser } from "../context.ts";
import type { TestSocket } from "../test-socket.ts";
import { assertEqual, RuleSkipped } from "../verdicts.ts";

/** Rules MX1–MX5: the socket of a user, with many conversations on it. */
export const USER_SOCKET_CHECKS: readonly Check[] = [
  {
    rule: "MX1",
    what: "each conversation on the socket of a user has its own messages, acks and presence",
    run: keepsApart,
  },
  {
    rule: "MX1",
    what: "a conversation that is opened with `after` gets what was missed, then what is new",
    run: resumesOne,
  },
  {
    rule: "MX2",
    what: "`open` is answered for each conversation; to open what is open opens it again",
    run: answersEach,
  },
  {
    rule: "MX3",
    what: "requests need no open conversation, and after `closed` none of its messages comes",
    run: needsNoOpening,
  },
  {
    rule: "MX5",
    what: "one conversation more than `limits.conversations` is `too_many_conversations`",
    run: limitsOpen,
  },
];

/** More conversations than a check opens for a server with a high MAX_OPEN_CONVERSATIONS. */
const MOST_CONVERSATIONS = 64;

/** Opens the socket of a user. */
async function joinUser(context: TestContext, user: TestUser) {
  const socket = context.open(`/ws/${user.user}?token=${user.token}`);
  return { socket, welcome: await socket.next("welcome") };
}

/** Opens a conversation on the socket of a user, and returns its `opened`. */
function openOne(socket: TestSocket, conversation: string, more: object = {}) {
  socket.send({ type: "open", conversations: [{ conversation, ...more }] });
  return socket.next("opened", (opened) => opened.conversation === conversation);
}

function messagesOf(socket: TestSocket): (readonly [string | undefined, number, string])[] {
  return socket.of("message").map(({ conversation, seq, text }) => [conversation, seq, text] as const);
}

async function keepsApart(context: TestContext): Promise<void> {
  const [first, second] = [context.conversation(), context.conversation()];
  const { socket } = await joinUser(context, context.ann);
  for (const conversation of [first, second]) await openOne(socket, conversation);
  const { socket: other, welcome } = await context.join(context.bob, first);
  assertEqual("`conversation` in `welcome` of a socket of one conversation", welcome.conversation, first);
  const joined = await socket.next("presence", ({ user }) => user === context.bob.user);
  assertEqual("`conversation` of the presence", joined.conversation, first);
  const fromOther = await context.sendMessage(other, "to the first");
  assertEqual("`conversation` of an ack on a socket of one conversation", fromOther.conversation, undefined);
  const ack = await context.sendMessage(socket, "to the second", { conversation: second });
  assertEqual("conversation and seq of the ack", [ack.conversation, ack.seq], [second, 1]);
  await socket.until(() => socket.of("message").length >= 2, "second message");
  await socket.flushed();
  assertEqual(
    "the messages",
    messagesOf(socket).sort(),
    [
      [first, 1, "to the first"],
      [second, 1, "to the second"],
    ].sort(),
  );
  await other.flushed();
  assertEqual(
    "the messages on the socket of one conversation",
    other.of("message").map((message) => [message.conversation, message.text]),
    [[undefined, "to the first"]],
  );
}

async function resumesOne(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const { socket: sender, welcome } = await context.join(context.bob, conversation);
  for (const text of ["1", "2", "3"]) await context.sendMessage(sender, text);
  const { socket } = await joinUser(context, context.ann);
  const opened = await openOne(socket, conversation, { after: 1, epoch: welcome.epoch });
  assertEqual("seq and resumed of `opened`", [opened.seq, opened.resumed], [3, true]);
  await context.sendMessage(sender, "4");
  await socket.until(() => socket.of("message").length >= 3, "fourth message");
  await socket.flushed();
  assertEqual("the messages", messagesOf(socket), [
    [conversation, 2, "2"],
    [conversation, 3, "3"],
    [conversation, 4, "4"],
  ]);
}

async function answersEach(context: TestContext): Promise<void> {
  const names = [1, 2, 3, 4, 5].map(() => context.conversation());
  const { socket } = await joinUser(context, context.ann);
  socket.send({ type: "open", id: "all", conversations: names.map((conversation) => ({ conversation })) });
  await socket.until(() => socket.of("opened").length >= names.length, "fifth `opened`");
  assertEqual(
    "the opened conversations",
    socket
      .of("opened")
      .map((opened) => opened.conversation)
      .sort(),
    [...names].sort(),
  );
  assertEqual("their ids", [...new Set(socket.of("opened").map(({ id }) => id))], ["all"]);
  socket.send({ type: "open", conversations: [{ conversation: names[0]! }] });
  await socket.until(() => socket.of("opened").length > names.length, "`opened` of the second `open`");
  await socket.flushed();
  assertEqual("answers in all", socket.of("opened").length, names.length + 1);
}

async function needsNoOpening(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const { socket: watcher } = await context.join(context.bob, conversation);
  const { socket } = await joinUser(context, context.ann);
  const ack = await context.sendMessage(socket, "from outside", { conversation });
  assertEqual("seq of the ack", ack.seq, 1);
  await watcher.next("message");
  await watcher.flushed();
  assertEqual("presence of a user who did not open", watcher.of("presence").length, 0);
  await openOne(socket, conversation);
  socket.send({ type: "close", conversations: [conversation] });
  const closed = await socket.next("closed");
  assertEqual(
    "conversation and code of `closed`",
    [closed.conversation, closed.code],
    [conversation, undefined],
  );
  await context.sendMessage(watcher, "unseen");
  await socket.flushed();
  assertEqual("messages without an open conversation", socket.of("message").length, 0);
}

async function limitsOpen(context: TestContext): Promise<void> {
  const { socket, welcome } = await joinUser(context, context.ann);
  const limit = welcome.limits?.conversations ?? 0;
  if (limit > MOST_CONVERSATIONS)
    throw new RuleSkipped(`${limit} conversations may be open, more than a check should open`);
  const names = Array.from({ length: limit + 1 }, () => context.conversation());
  for (let at = 0; at < names.length; at += MOST_CONVERSATIONS) {
    const part = names.slice(at, at + MOST_CONVERSATIONS);
    socket.send({ type: "open", conversations: part.map((conversation) => ({ conversation })) });
  }
  const refusal = await socket.next("error");
  assertEqual(
    "code and conversation of the error",
    [refusal.code, refusal.conversation],
    ["too_many_conversations", names.at(-1)],
  );
  await socket.until(() => socket.of("opened").length >= limit, "last `opened`");
}
