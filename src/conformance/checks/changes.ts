import type { ServerFrame, ServerFrameOf } from "../../protocol/server-frames.ts";
import type { Check } from "../check.ts";
import type { TestContext } from "../context.ts";
import type { TestSocket } from "../test-socket.ts";
import { assert, assertEqual, RuleSkipped } from "../verdicts.ts";

/** Rules CH1, CH2 and CH4: messages that are edited, erased or reacted to. */
export const CHANGE_CHECKS: readonly Check[] = [
  {
    rule: "CH1",
    what: "changes reach everybody in the order of `rev`, before their acks, and history shows the same",
    run: reachesEverybody,
  },
  {
    rule: "CH2",
    what: "a client that comes back with `rev` gets one fold for each changed message, before the missed messages",
    run: foldsMissed,
  },
  {
    rule: "CH4",
    what: "only its user edits a message; a repeat, another `if_rev` and an erased message are answered as such",
    run: decidesWhoMay,
  },
];

type Answer = ServerFrameOf<"ack"> | ServerFrameOf<"error">;

/** Sends a change, and returns its `ack` or `error`, the next one on this socket. */
async function ask(socket: TestSocket, frame: object): Promise<Answer> {
  const isAnswer = (one: ServerFrame): one is Answer => one.type === "ack" || one.type === "error";
  const before = socket.frames.length;
  const answers = () => socket.frames.slice(before).filter(isAnswer);
  socket.send(frame);
  await socket.until(() => answers().length > 0, `answer to ${JSON.stringify(frame)}`);
  return answers()[0]!;
}

/** As `ask`, and returns the `rev`. Skips the check on a server whose store keeps no changes. */
async function change(socket: TestSocket, frame: object): Promise<number> {
  const answer = await ask(socket, frame);
  if (answer.type === "error" && answer.code === "forbidden")
    throw new RuleSkipped("the server's store keeps no changes");
  assert(answer.type === "ack" && answer.rev !== undefined, () => `A change got ${JSON.stringify(answer)}.`);
  return answer.rev;
}

async function reachesEverybody(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const { socket: ann, welcome } = await context.join(context.ann, conversation);
  const { socket: bob } = await context.join(context.bob, conversation);
  assertEqual("`rev` of a conversation without changes", welcome.rev, 0);
  const { seq } = await context.sendMessage(ann, "hello");
  await change(ann, { type: "edit", seq, text: "hello, world" });
  await change(bob, { type: "react", seq, reaction: "👍", on: true });
  await bob.flushed();
  for (const socket of [ann, bob]) {
    await socket.until(() => socket.of("change").length >= 2, "second change");
    assertEqual(
      "changes",
      socket.of("change").map(({ rev, kind, by }) => [rev, kind, by]),
      [
        [1, "edit", context.ann.user],
        [2, "react", context.bob.user],
      ],
    );
  }
  const order = ann.frames.flatMap((frame) =>
    frame.type === "change" || frame.type === "ack" ? [frame] : [],
  );
  const edited = order.findIndex(({ type, rev }) => type === "change" && rev === 1);
  const acked = order.findIndex(({ type, rev }) => type === "ack" && rev === 1);
  assert(edited < acked, () => "The `ack` of a change came before its `change`.");
  bob.send({ type: "history" });
  const { messages, mine } = await bob.next("history");
  assertEqual(
    "the message in the history",
    messages.map(({ text, rev, reactions }) => [text, rev, reactions]),
    [["hello, world", 2, { "👍": { count: 1, users: [context.bob.user] } }]],
  );
  assertEqual("`mine` in the history", mine, { [seq]: ["👍"] });
}

async function foldsMissed(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const { socket: ann } = await context.join(context.ann, conversation);
  const { seq } = await context.sendMessage(ann, "one");
  const { socket: before, welcome } = await context.join(context.bob, conversation);
  await before.disconnect();
  await change(ann, { type: "react", seq, reaction: "x", on: true });
  const rev = await change(ann, { type: "edit", seq, text: "two" });
  await context.sendMessage(ann, "missed");
  const { epoch } = welcome;
  const query = { after: seq, epoch: epoch ?? "", rev: 0 };
  const { socket: bob } = await context.join(context.bob, conversation, query);
  await bob.next("message");
  const missed = bob.frames.flatMap((frame) =>
    frame.type === "change"
      ? [[frame.kind, frame.rev, frame.set.text]]
      : frame.type === "message"
        ? [["message"]]
        : [],
  );
  assertEqual("what was missed", missed, [["fold", rev, "two"], ["message"]]);
}

async function decidesWhoMay(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const { socket: ann } = await context.join(context.ann, conversation);
  const { socket: bob } = await context.join(context.bob, conversation);
  const { seq } = await context.sendMessage(ann, "one");
  await change(ann, { type: "edit", seq, text: "two" });
  const codes: (string | undefined)[] = [];
  const note = async (socket: TestSocket, frame: object) => {
    const answer = await ask(socket, frame);
    codes.push(answer.type === "error" ? answer.code : answer.duplicate ? "duplicate" : "changed");
  };
  await note(bob, { type: "edit", seq, text: "three" });
  await note(ann, { type: "edit", seq, text: "two" });
  await note(ann, { type: "edit", seq, text: "three", if_rev: 0 });
  await note(ann, { type: "edit", seq, text: "three", epoch: "other.0" });
  await note(ann, { type: "erase", seq });
  await note(ann, { type: "edit", seq, text: "three" });
  assertEqual("answers", codes, ["forbidden", "duplicate", "conflict", "conflict", "changed", "erased"]);
}
