import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { Check } from "../check.ts";
import type { TestContext } from "../context.ts";
import { send, withGroup } from "../groups.ts";
import type { TestSocket } from "../test-socket.ts";
import { assertEqual } from "../verdicts.ts";

/** Rules IN1–IN3: the list of a user's conversations. */
export const INBOX_CHECKS: readonly Check[] = [
  {
    rule: "IN1",
    what: "unread counts are exact: after messages of others, an own message, and a read mark",
    run: counts,
  },
  { rule: "IN2", what: "the newest state of an item comes by itself", run: follows },
  { rule: "IN3", what: "`after` brings what has changed since a position", run: returns },
  { rule: "IN3", what: "a conversation that left the list comes as `removed`", run: reportsRemoved },
];

type Page = ServerFrameOf<"inbox">;

/** Opens the socket of bob, who has spoken in a new conversation and so belongs to it, and reads the inbox. */
async function openInbox(context: TestContext) {
  const conversation = context.conversation();
  const { ann, bob } = context;
  const { socket: sender } = await context.join(ann, conversation);
  const { socket: own } = await context.join(bob, conversation);
  await context.sendMessage(own, "mine");
  const socket = context.open(`/ws/${bob.user}?token=${bob.token}`);
  await socket.next("welcome");
  return { conversation, sender, own, socket, page: await ask(socket, {}) };
}

function ask(socket: TestSocket, range: object): Promise<Page> {
  const id = crypto.randomUUID();
  socket.send({ type: "inbox", id, ...range });
  return socket.next("inbox", (page) => page.id === id);
}

/** What is shown of a conversation in a page: its newest message and its unread count; undefined where it is not listed. */
function stateOf({ items }: Page, conversation: string): readonly [number, number] | undefined {
  const item = items.find((each) => each.conversation === conversation);
  return item === undefined || "removed" in item ? undefined : [item.seq, item.unread];
}

async function counts(context: TestContext): Promise<void> {
  const { conversation, sender, own, socket, page } = await openInbox(context);
  assertEqual("seq and unread after an own message", stateOf(page, conversation), [1, 0]);
  for (const text of ["one", "two"]) await context.sendMessage(sender, text);
  assertEqual("after two of another user", stateOf(await ask(socket, {}), conversation), [3, 2]);
  own.send({ type: "read", seq: 2 });
  await own.flushed();
  await socket.until(() => unreadOf(socket, conversation) === 1, "item with one unread message");
  await context.sendMessage(own, "mine again");
  assertEqual("after an own message", stateOf(await ask(socket, {}), conversation), [4, 0]);
}

/** The unread count in the newest change of the item. */
function unreadOf(socket: TestSocket, conversation: string): number | undefined {
  const item = socket.of("inbox_item").findLast((change) => change.item.conversation === conversation)?.item;
  return item === undefined || "removed" in item ? undefined : item.unread;
}

async function follows(context: TestContext): Promise<void> {
  const { conversation, sender, socket } = await openInbox(context);
  for (const text of ["1", "2", "3"]) await context.sendMessage(sender, text);
  await socket.until(() => unreadOf(socket, conversation) === 3, "item with three unread messages");
}

async function returns(context: TestContext): Promise<void> {
  const { conversation, sender, page } = await openInbox(context);
  await context.sendMessage(sender, "missed");
  const { bob } = context;
  const socket = context.open(`/ws/${bob.user}?token=${bob.token}`);
  await socket.next("welcome");
  const changed = await ask(socket, { after: page.position });
  assertEqual("`reset`", changed.reset, undefined);
  assertEqual("seq and unread of what changed", stateOf(changed, conversation), [2, 1]);
}

async function reportsRemoved(context: TestContext): Promise<void> {
  await withGroup(context, async (conversation) => {
    const { bob } = context;
    const socket = context.open(`/ws/${bob.user}?token=${bob.token}`);
    await socket.next("welcome");
    const page = await ask(socket, {});
    assertEqual("seq and unread of a new conversation", stateOf(page, conversation), [0, 0]);
    const path = `/conversations/${conversation}/members/${bob.user}`;
    assertEqual("status of leaving", (await send(context, "DELETE", path, bob)).status, 204);
    const expected = { conversation, removed: true };
    const { item } = await socket.next("inbox_item", (change) => change.item.conversation === conversation);
    assertEqual("the item of a conversation that the user has left", item, expected);
    const changed = await ask(socket, { after: page.position });
    const [removed] = changed.items.filter((each) => each.conversation === conversation);
    assertEqual("the same item after a return", removed, expected);
  });
}
