import type { Check } from "../check.ts";
import type { TestContext } from "../context.ts";
import type { TestSocket } from "../test-socket.ts";
import { assert, assertEqual } from "../verdicts.ts";

/** Rules D1–D6: order, durable acks, no duplicates, history. */
export const DELIVERY_CHECKS: readonly Check[] = [
  { rule: "D1", what: "each client receives 1, 2, 3 … in order, each once", run: numbersMessages },
  {
    rule: "D2",
    what: "an acked message is stored: another connection reads it at once",
    run: async (context) => {
      const conversation = context.conversation();
      const { socket } = await context.join(context.ann, conversation);
      const { socket: reader } = await context.join(context.bob, conversation);
      const ack = await context.sendMessage(socket, "kept");
      reader.send({ type: "history" });
      const { messages } = await reader.next("history");
      assertEqual(
        "messages in the history",
        messages.map(({ id, seq }) => [id, seq]),
        [[ack.id, ack.seq]],
      );
    },
  },
  {
    rule: "D3",
    what: "the same `id` of a user is stored, delivered and charged once, on any connection",
    run: storesOnce,
  },
  { rule: "D6", what: "text and `data` are delivered as they were sent", run: keepsContent },
  { rule: "D6", what: "history in both directions, without gaps or repeats", run: pagesHistory },
];

async function numbersMessages(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const { socket: ann } = await context.join(context.ann, conversation);
  const { socket: bob } = await context.join(context.bob, conversation);
  for (const text of ["1", "2", "3"])
    for (const socket of [ann, bob]) socket.send({ type: "message", text, id: text });
  for (const [name, socket] of [
    ["a sender", ann],
    ["another client", bob],
  ] as const) {
    await socket.until(
      () => socket.of("message").length >= 6 && socket.of("ack").length >= 3,
      "sixth message",
    );
    await socket.flushed();
    assertEqual(
      `the seqs that ${name} received`,
      socket.of("message").map(({ seq }) => seq),
      [1, 2, 3, 4, 5, 6],
    );
    const numbered = socket.frames.flatMap((frame) =>
      frame.type === "message" || frame.type === "ack" ? [frame.seq] : [],
    );
    assert(
      numbered.every((seq, at) => at === 0 || seq >= numbered[at - 1]!),
      () => `\`ack\` and \`message\` frames arrived in the order ${numbered.join(", ")}.`,
    );
  }
  const texts = (socket: TestSocket) =>
    socket
      .of("message")
      .map(({ seq, from, text }) => [seq, from, text])
      .sort();
  assertEqual("the messages of the other client", texts(bob), texts(ann));
}

async function storesOnce(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const { socket: first } = await context.join(context.ann, conversation);
  const { socket: second } = await context.join(context.ann, conversation);
  const { socket: reader } = await context.join(context.bob, conversation);
  first.send({ type: "message", id: "once", text: "hello" });
  const ack = await first.next("ack");
  assertEqual("`duplicate` of the first", ack.duplicate, undefined);
  for (const socket of [first, second]) {
    socket.send({ type: "message", id: "once", text: "something else" });
    const repeat = await socket.next("ack");
    assertEqual(
      "id, seq, at and duplicate of the repeat",
      [repeat.id, repeat.seq, repeat.at, repeat.duplicate],
      [ack.id, ack.seq, ack.at, true],
    );
    assertEqual("requests left after the repeat", repeat.quota?.remaining, ack.quota?.remaining);
  }
  reader.send({ type: "message", id: "once", text: "another user's" });
  const { seq, duplicate } = await reader.next("ack");
  assertEqual(
    "`seq` and `duplicate` of another user's message with that id",
    [seq, duplicate],
    [ack.seq + 1, undefined],
  );
  await reader.next("message", (message) => message.seq === seq);
  assertEqual(
    "the texts delivered",
    reader
      .of("message")
      .map(({ text }) => text)
      .sort(),
    ["another user's", "hello"],
  );
}

async function keepsContent(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const { socket } = await context.join(context.ann, conversation);
  const text = 'a "b" \\ \u0000 \u2028 é 日本 👩‍👩‍👧 <b>';
  const data = { list: [1, -0.5, null, true, { "": "empty" }], constructor: "c", ключ: "значение" };
  const { seq } = await context.sendMessage(socket, text, { data });
  const message = await socket.next("message");
  const { socket: reader } = await context.join(context.bob, conversation);
  reader.send({ type: "history" });
  const read = (await reader.next("history")).messages[0];
  for (const [where, actual] of [
    ["live", message],
    ["read", read],
  ] as const)
    assertEqual(
      `the message, ${where}`,
      [actual?.seq, actual?.from, actual?.text, actual?.data],
      [seq, context.ann.user, text, data],
    );
}

async function pagesHistory(context: TestContext): Promise<void> {
  const { socket } = await context.join(context.ann, context.conversation());
  for (let n = 1; n <= 5; n++) await context.sendMessage(socket, `${n}`);
  const page = async (range: object) => {
    socket.send({ type: "history", id: "page", limit: 2, ...range });
    const { messages, more, id } = await socket.next("history");
    assertEqual("`id` of the reply", id, "page");
    return [messages.map(({ seq }) => seq), more];
  };
  assertEqual("the newest page", await page({}), [[4, 5], true]);
  assertEqual("the page before 4", await page({ before: 4 }), [[2, 3], true]);
  assertEqual("the page before 2", await page({ before: 2 }), [[1], false]);
  assertEqual("the page after 0", await page({ after: 0 }), [[1, 2], true]);
  assertEqual("the page after 3", await page({ after: 3 }), [[4, 5], false]);
  assertEqual("the page after 5", await page({ after: 5 }), [[], false]);
}
