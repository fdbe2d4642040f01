import type { Check } from "../check.ts";
import type { TestContext } from "../context.ts";
import type { TestSocket } from "../test-socket.ts";
import { assert, assertEqual } from "../verdicts.ts";

/** Order, durable acks, once, and reading back. */
export const DELIVERY_CHECKS: readonly Check[] = [
  { rule: "D1", what: "everybody gets 1, 2, 3 … in order, each once", run: numbersMessages },
  {
    rule: "D2",
    what: "what is acked is stored: another connection reads it at once",
    run: async (world) => {
      const conversation = world.conversation();
      const { line } = await world.join(world.ann, conversation);
      const { line: reader } = await world.join(world.bob, conversation);
      const ack = await world.sendMessage(line, "kept");
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
  { rule: "D6", what: "text and `data` come back as they were sent", run: keepsContent },
  { rule: "D6", what: "history in both directions, without a gap or a repeat", run: pagesHistory },
];

async function numbersMessages(world: TestContext): Promise<void> {
  const conversation = world.conversation();
  const { line: ann } = await world.join(world.ann, conversation);
  const { line: bob } = await world.join(world.bob, conversation);
  for (const text of ["1", "2", "3"])
    for (const line of [ann, bob]) line.send({ type: "message", text, id: text });
  for (const [name, line] of [
    ["a sender", ann],
    ["another one", bob],
  ] as const) {
    await line.until(() => line.of("message").length >= 6 && line.of("ack").length >= 3, "sixth message");
    await line.flushed();
    assertEqual(
      `the numbers that ${name} got`,
      line.of("message").map(({ seq }) => seq),
      [1, 2, 3, 4, 5, 6],
    );
    const numbered = line.frames.flatMap((frame) =>
      frame.type === "message" || frame.type === "ack" ? [frame.seq] : [],
    );
    assert(
      numbered.every((seq, at) => at === 0 || seq >= numbered[at - 1]!),
      () => `\`ack\` and \`message\` frames came in the order ${numbered.join(", ")}.`,
    );
  }
  const texts = (line: TestSocket) =>
    line
      .of("message")
      .map(({ seq, from, text }) => [seq, from, text])
      .sort();
  assertEqual("what the other one got", texts(bob), texts(ann));
}

async function storesOnce(world: TestContext): Promise<void> {
  const conversation = world.conversation();
  const { line: first } = await world.join(world.ann, conversation);
  const { line: second } = await world.join(world.ann, conversation);
  const { line: reader } = await world.join(world.bob, conversation);
  first.send({ type: "message", id: "once", text: "hello" });
  const ack = await first.next("ack");
  assertEqual("`duplicate` of the first", ack.duplicate, undefined);
  for (const line of [first, second]) {
    line.send({ type: "message", id: "once", text: "something else" });
    const repeat = await line.next("ack");
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
    "`seq` and `duplicate` of another user's message of that id",
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

async function keepsContent(world: TestContext): Promise<void> {
  const conversation = world.conversation();
  const { line } = await world.join(world.ann, conversation);
  const text = 'a "b" \\ \u0000 \u2028 é 日本 👩‍👩‍👧 <b>';
  const data = { list: [1, -0.5, null, true, { "": "empty" }], constructor: "c", ключ: "значение" };
  const { seq } = await world.sendMessage(line, text, { data });
  const message = await line.next("message");
  const { line: reader } = await world.join(world.bob, conversation);
  reader.send({ type: "history" });
  const read = (await reader.next("history")).messages[0];
  for (const [where, seen] of [
    ["live", message],
    ["read", read],
  ] as const)
    assertEqual(
      `the message, ${where}`,
      [seen?.seq, seen?.from, seen?.text, seen?.data],
      [seq, world.ann.user, text, data],
    );
}

async function pagesHistory(world: TestContext): Promise<void> {
  const { line } = await world.join(world.ann, world.conversation());
  for (let n = 1; n <= 5; n++) await world.sendMessage(line, `${n}`);
  const page = async (range: object) => {
    line.send({ type: "history", id: "page", limit: 2, ...range });
    const { messages, more, id } = await line.next("history");
    assertEqual("`id` of the answer", id, "page");
    return [messages.map(({ seq }) => seq), more];
  };
  assertEqual("the newest page", await page({}), [[4, 5], true]);
  assertEqual("the page before 4", await page({ before: 4 }), [[2, 3], true]);
  assertEqual("the page before 2", await page({ before: 2 }), [[1], false]);
  assertEqual("the page after 0", await page({ after: 0 }), [[1, 2], true]);
  assertEqual("the page after 3", await page({ after: 3 }), [[4, 5], false]);
  assertEqual("the page after 5", await page({ after: 5 }), [[], false]);
}
