import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { pipeStream } from "../../../src/cli/chat/pipe-stream.ts";
import { pipedText } from "../../../src/cli/chat/piped-text.ts";
import { connect, type Entry, watchMessages } from "../../../src/client/index.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { ParleyFolder } from "../parley-folder.ts";

let server: TestServer;
let folder: ParleyFolder;
beforeAll(async () => {
  server = await startTestServer({
    env: { PLANS: "free:0:0", DEFAULT_PLAN: "free", MAX_STREAM_BYTES: "2000" },
  });
  folder = new ParleyFolder();
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
  await server.stop();
});

/** Starts `parley chat` of `ann` in a conversation, whose messages another line of hers reads. */
async function startChat(conversation: string, args: string[]) {
  const token = await server.token("ann");
  const env = { PARLEY_TOKEN: token, PARLEY_URL: server.url };
  const process = folder.start(["chat", conversation, "--stream", ...args], env);
  const parley = connect({ url: server.url, token });
  const room = parley.conversation(conversation);
  const list = watchMessages(room);
  list.subscribe(() => {});
  return {
    room,
    process,
    entry: () => list.getSnapshot().entries.at(-1) as Entry,
    async write(text: string) {
      process.stdin.write(text);
      await process.stdin.flush();
    },
    async end() {
      const [code, stdout, stderr] = await Promise.all([
        process.exited,
        new Response(process.stdout).text(),
        new Response(process.stderr).text(),
      ]);
      await waitUntil("the message is there", () => list.getSnapshot().entries.at(-1)?.state === "stored");
      return { code, stdout, stderr };
    },
    [Symbol.asyncDispose]: () => parley.close(),
  };
}

describe("parley chat --stream", () => {
  test("ST1 a pipe is one message, which others read while it grows, and is done with its end", async () => {
    await using chat = await startChat("done", ["--json"]);
    await chat.write("one\n");
    await waitUntil("the text is shown", () => chat.entry()?.text === "one");
    expect(chat.entry().state).toBe("streaming");
    await chat.write("two\n");
    await waitUntil("it grows", () => chat.entry().text === "one\ntwo");
    chat.process.stdin.end();
    const { code, stdout } = await chat.end();
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const stream = { stream: expect.any(String), state: "done" };
    expect(lines.slice(1).sort((a, b) => (a.type < b.type ? -1 : 1))).toMatchObject([
      { type: "ack", seq: 1 },
      { type: "message", seq: 1, from: "ann", text: "one\ntwo", own: true, stream },
      { type: "welcome" },
    ]);
    expect(code).toBe(0);
  });

  test("Ctrl+C ends the message as failed, in words, and the exit code is 130", async () => {
    await using chat = await startChat("interrupted", []);
    await chat.write("half");
    await waitUntil("the text is shown", () => chat.entry()?.text === "half");
    chat.process.kill("SIGINT");
    const { code, stderr } = await chat.end();
    expect(chat.entry()).toMatchObject({ text: "half", stream: { state: "failed" } });
    expect(stderr).toEndWith("Interrupted: the message ends as failed, with the text so far.\n");
    expect(code).toBe(130);
  });

  test("asked to stop it reads no further, and the exit code is 1", async () => {
    await using chat = await startChat("stopped", []);
    await chat.write("half");
    await waitUntil("the text is shown", () => chat.entry()?.text === "half");
    await chat.room.cancel(chat.entry());
    const { code, stdout, stderr } = await chat.end();
    expect(chat.entry()).toMatchObject({ text: "half", stream: { state: "cancelled" } });
    expect(stdout).toMatch(/^#1 [\d:]+ ann: half\n +\(stopped on request\)\n$/);
    expect(stderr).toContain("Asked to stop: the rest of the input is not sent.\n");
    expect(code).toBe(1);
  });

  test("an input without text sends nothing", async () => {
    const env = { PARLEY_TOKEN: await server.token("ann"), PARLEY_URL: server.url };
    const { code, stdout, stderr } = await folder.run(["chat", "empty", "--stream"], { stdin: "\n", env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toStartWith("ann in empty; no messages yet");
  });
});

/** Sends what `input` yields as a message of `ann`; returns the message and what a person would read about it. */
async function pipe(
  conversation: string,
  input: (shown: () => Promise<void>) => AsyncGenerator<Buffer, void>,
) {
  const parley = connect({ url: server.url, token: await server.token("ann") });
  const room = parley.conversation(conversation);
  const list = watchMessages(room);
  list.subscribe(() => {});
  const said: string[] = [];
  const deps = {
    conversation: room,
    onStart: () => said.push("started"),
    onStored: () => said.push("stored"),
    onRefused: (error: unknown) => said.push((error as { code: string }).code),
    note: (line: string) => said.push(line),
  };
  const shown = () => waitUntil("text is shown", () => list.getSnapshot().entries[0]?.state === "streaming");
  const isWhole = await pipeStream(input(shown), deps).ended;
  await waitUntil("it is stored", () => list.getSnapshot().entries[0]?.state === "stored");
  const [{ text, stream } = {}] = list.getSnapshot().entries;
  await parley.close();
  return { isWhole, text, state: stream?.state, said };
}

test("an input that cannot be read any more ends the message as failed", async () => {
  const ended = await pipe("broken", async function* () {
    yield Buffer.from("half");
    throw new Error("EIO");
  });
  const note = "The input cannot be read (Error: EIO): the message ends as failed, with the text so far.";
  expect(ended).toEqual({ isWhole: false, text: "half", state: "failed", said: ["started", "stored", note] });
});

test("a text that is too long ends the message as failed", async () => {
  const ended = await pipe("long", async function* (shown) {
    yield Buffer.from("x".repeat(1500));
    await shown();
    yield Buffer.from("y".repeat(1500));
  });
  const said = ["started", "stored", "too_large"];
  expect(ended).toEqual({ isWhole: false, text: "x".repeat(1500), state: "failed", said });
});

test("the text of a pipe: characters stay whole, and the line break at its end is left out", async () => {
  const textsOf = async (...parts: (string | number[])[]) =>
    Array.fromAsync(
      pipedText(
        (async function* () {
          for (const part of parts) yield Buffer.from(part as string);
        })(),
      ),
    );
  expect(await textsOf("a\n", "b\r", "\nc\n")).toEqual(["a", "\nb", "\r\nc"]);
  expect(await textsOf([0xc3], [0xa9, 0x0a], [0xe2, 0x82])).toEqual(["é", "\n\ufffd"]);
  expect(await textsOf("\n", "\n")).toEqual(["\n"]);
  expect(await textsOf()).toEqual([]);
});
