import { expect, test } from "bun:test";
import { growingLines, messageToStop } from "../../../src/cli/chat/growing.ts";
import { type Entry, startStream } from "../../../src/client/index.ts";
import { enter } from "../../support/clients/library.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { ParleyFolder } from "../parley-folder.ts";
import { ParleyTerminal } from "../parley-terminal.ts";

const entry = (fields: Partial<Entry>): Entry => ({
  ...{ key: "k", id: "i", from: "bot", text: "", at: 0, own: false, myReactions: [], state: "streaming" },
  ...fields,
});

test("a growing message is one line; of a long one its end is shown, on six rows at most", () => {
  expect(growingLines([entry({ state: "stored", seq: 1, text: "no" })], 40)).toEqual([]);
  expect(growingLines([entry({ text: "one\n  two" }), entry({ from: "a\x1b", text: "three" })], 40)).toEqual([
    "bot writes: one ⏎ two",
    "a␛ writes: three",
  ]);
  const [long] = growingLines([entry({ text: "日本".repeat(500) })], 40);
  expect(long).toMatch(/^bot writes: …本?(日本)+$/);
  expect(Bun.stringWidth(long!)).toBeLessThanOrEqual(240);
  expect(Bun.stringWidth(long!)).toBeGreaterThan(230);
  expect(
    growingLines(
      Array.from({ length: 9 }, () => entry({ text: "x".repeat(99) })),
      40,
    ),
  ).toHaveLength(6);
});

test("/stop means the newest message that answers one of one's own, else the newest", () => {
  const mine = entry({ state: "stored", seq: 7, own: true });
  const first = entry({ from: "a", reply_to: 7 });
  const second = entry({ from: "b", reply_to: 6 });
  expect(messageToStop([mine, first, second])).toBe(first);
  expect(messageToStop([first, second])).toBe(second);
  expect(messageToStop([mine])).toBeUndefined();
});

test("ST1 a terminal shows a message while it grows, asks its writer to stop, and says how it ended", async () => {
  await using server = await startTestServer();
  await using folder = new ParleyFolder();
  await using bot = await enter(server, "bot");
  const env = { PARLEY_TOKEN: await server.token("ann") };
  await using terminal = new ParleyTerminal(folder, ["chat", "lobby", "--url", server.url], env);
  await terminal.shows("lobby>");
  terminal.type("why?\r");
  await terminal.shows("#1 stored");
  terminal.type("half a line");
  const stream = startStream(bot.lobby, { reply_to: 1 });
  const growing = () => terminal.lines.filter((line) => line.includes("bot writes")).length;
  await stream.write("Because ");
  await terminal.shows(/^bot writes: Because$/);
  await stream.write("it is so.\nAnd ".repeat(40));
  await terminal.shows(/^bot writes: ….* ⏎ And$/);
  await bot.lobby.send("one more");
  await terminal.shows(/bot: one more$/);
  await waitUntil("the half-typed line is below", () => terminal.lines.at(-1) === "lobby> half a line");
  terminal.type("\x15meanwhile\r");
  await terminal.shows("#3 stored");
  await waitUntil("it is below that", () => terminal.lines.at(-1) === "lobby>" && growing() === 1);
  terminal.type("/stop\r");
  await terminal.shows("bot is asked to stop");
  await waitUntil("the writer is asked", () => stream.signal.aborted);
  await stream.end();
  await terminal.shows(/^#4 [\d:]+ bot \(to #1\): Because it is so\.$/);
  await terminal.shows(/^ +\(stopped on request\)$/);
  expect(growing()).toBe(0);
  terminal.type("/reply 4 thank you\r");
  await terminal.shows("#5 stored");
  expect(await bot.lobby.message(5)).toMatchObject({ text: "thank you", reply_to: 4 });
  terminal.type("/stop\r/reply soon\r");
  await terminal.shows("No message is being written now.");
  await terminal.shows("/reply takes the number of a message and a text, for example /reply 42 yes.");
});
