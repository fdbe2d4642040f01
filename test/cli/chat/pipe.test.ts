import { describe, expect, test } from "bun:test";
import { connect, watchMessages } from "../../../src/client/index.ts";
import { longTest } from "../../support/long-test.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { type Ended, ParleyFolder } from "../parley-folder.ts";

/** A server, and `parley chat lobby` of `ann` on it. */
async function startChat(settings: Record<string, string> = {}) {
  const server = await startTestServer({ env: { TEST_FAULTS: "true", ...settings } });
  const folder = new ParleyFolder();
  const env = { PARLEY_TOKEN: await server.token("ann"), PARLEY_URL: server.url };
  return {
    server,
    chat: (args: string[], stdin = "") => folder.run(["chat", "lobby", ...args], { stdin, env }),
    start: (args: string[]) => folder.start(["chat", "lobby", ...args], env),
    async [Symbol.asyncDispose]() {
      await folder[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}

/** Posts texts as `ben`, who leaves again. */
async function post(server: TestServer, ...texts: string[]): Promise<void> {
  const parley = connect({ url: server.url, token: await server.token("ben") });
  const lobby = parley.conversation("lobby");
  for (const text of texts) await lobby.send(text);
  await parley.close();
}

type Line = Record<string, unknown> & { type: string };

/** The objects on standard output with `--json`: every line parses. */
function linesOf({ stdout }: Pick<Ended, "stdout">): Line[] {
  expect(stdout.endsWith("\n")).toBe(true);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

const textsOf = (lines: Line[]) => lines.flatMap(({ type, text }) => (type === "message" ? [text] : []));

describe("one shot", () => {
  test("-x sends its texts and ends: data on standard output, status on standard error", async () => {
    await using room = await startChat();
    const { code, stdout, stderr } = await room.chat(["-x", "hello", "-x", "two\nlines"]);
    expect(stdout.replaceAll(/\d\d:\d\d:\d\d/g, "12:00:00")).toBe(
      "#1 12:00:00 ann: hello\n#2 12:00:00 ann: two\n                 lines\n",
    );
    expect(stderr).toStartWith("ann in lobby; no messages yet; no other users present; 100 of 100");
    expect(code).toBe(0);
  });

  longTest("-w waits for replies", async () => {
    await using room = await startChat();
    const parley = connect({ url: room.server.url, token: await room.server.token("ben") });
    const lobby = parley.conversation("lobby");
    lobby.on("message", ({ from }) => {
      if (from === "ann") void lobby.send("hello to you");
    });
    const { stdout } = await room.chat(["-x", "hello", "-w", "0.5"]);
    expect(stdout).toContain("ben: hello to you");
    await parley.close();
  });

  test("Q4 over the plan it fails instead of waiting an hour", async () => {
    await using room = await startChat({ PLANS: "free:1:5", DEFAULT_PLAN: "free" });
    const { code, stderr } = await room.chat(["-x", "one", "-x", "two"]);
    expect(stderr).toContain("all 1 requests of this hour are used");
    expect(stderr).toContain("Not sent: 1 message");
    expect(code).toBe(1);
  });

  longTest("a refusal by the server is shown, and the exit code is 1", async () => {
    await using room = await startChat();
    const { code, stderr } = await room.chat(["-x", "x".repeat(70_000), "-x", "short"]);
    expect(stderr).toContain("not sent: Over 65536 bytes. (too_large)");
    expect(code).toBe(1);
  });
});

describe("--json", () => {
  test("each line is one object: messages, acks, replies and the state", async () => {
    await using room = await startChat();
    const input = "a\n/who\n/quota\n/history\n/ping\n/typing\nb\u001b[2J\n";
    const ended = await room.chat(["--json", "--commands"], input);
    const lines = linesOf(ended);
    expect(lines.map(({ type }) => type)).toEqual([
      ...["status", "welcome", "message", "ack", "present", "quota", "history", "pong", "message", "ack"],
    ]);
    expect(lines[2]).toMatchObject({ seq: 1, from: "ann", text: "a", own: true });
    expect(lines[6]).toMatchObject({ messages: [{ seq: 1 }], more: false });
    expect(lines[8]).toMatchObject({ text: "b\u001b[2J" });
    expect(ended.stdout).not.toContain("\u001b");
    expect(ended.code).toBe(0);
  });

  test("D4 after /fault cut nothing is lost, and each message comes once", async () => {
    await using room = await startChat();
    const process = room.start(["--json", "--commands", "--count", "3", "--duration", "20"]);
    process.stdin.write("before\n/fault cut\n");
    await process.stdin.flush();
    let stdout = "";
    let isAway = false;
    for await (const chunk of process.stdout) {
      stdout += new TextDecoder().decode(chunk);
      if (isAway || !stdout.includes('"waiting"')) continue;
      isAway = true;
      await post(room.server, "m1", "m2", "m3");
    }
    const lines = linesOf({ stdout });
    expect(textsOf(lines)).toEqual(["before", "m1", "m2", "m3"]);
    expect(lines.find(({ type }) => type === "resumed")).toMatchObject({ lost: false });
    expect(await process.exited).toBe(0);
  });
});

describe("CH4 changes from a pipe", () => {
  test("/edit, /erase, /react and /reply, each with its change and its ack, and a refusal by its code", async () => {
    await using room = await startChat();
    await post(room.server, "from ben");
    const input = [
      ...["hello", "/edit 2 hello, world", "/react 1 👍", "/react 1 👍", "/react 1 👍 off"],
      ...["/reply 1 yes", "/erase 2 wrong group", "/edit 1 mine"],
    ];
    const { code, stdout } = await room.chat(["--json", "--commands"], input.join("\n"));
    const lines = linesOf({ stdout }).slice(2);
    expect(lines.map(({ type, kind, change, seq }) => [type, kind ?? change ?? "", seq])).toEqual([
      ["message", "", 2],
      ["ack", "", 2],
      ["change", "edit", 2],
      ["ack", "edit", 2],
      ["change", "react", 1],
      ["ack", "react", 1],
      ["ack", "react", 1],
      ["change", "react", 1],
      ["ack", "react", 1],
      ["message", "", 3],
      ["ack", "", 3],
      ["change", "erase", 2],
      ["ack", "erase", 2],
      ["refused", "edit", 1],
    ]);
    expect(lines[2]).toMatchObject({ rev: 1, by: "ann", set: { text: "hello, world" } });
    expect(lines[6]).toMatchObject({ duplicate: true });
    expect(lines[9]).toMatchObject({ text: "yes", reply_to: 1 });
    expect(lines[13]).toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("Only its own user may edit a message"),
    });
    expect(code).toBe(1);
  });

  test("CH2 after a return, what was missed is one line a message", async () => {
    await using room = await startChat();
    const ben = connect({ url: room.server.url, token: await room.server.token("ben") });
    const lobby = ben.conversation("lobby");
    for (const text of ["one", "two"]) await lobby.send(text);
    const process = room.start(["--commands", "--history", "2", "--duration", "20", "--count", "1"]);
    process.stdin.write("/close\n");
    await process.stdin.flush();
    let stderr = "";
    let isAway = false;
    for await (const chunk of process.stderr) {
      stderr += new TextDecoder().decode(chunk);
      if (isAway || !/^closed$/m.test(stderr)) continue;
      isAway = true;
      for (const text of ["first", "1"]) await lobby.edit(1, { text });
      await lobby.react(1, "👍");
      await lobby.erase(2);
      await lobby.send("three");
      process.stdin.write("/reconnect\n");
      await process.stdin.flush();
    }
    await ben.close();
    const stdout = await new Response(process.stdout).text();
    expect(stdout.replaceAll(/\d\d:\d\d:\d\d/g, "12:00:00").split("\n")).toEqual([
      "#1 12:00:00 ben: one",
      "#2 12:00:00 ben: two",
      "#1 12:00:00 changed meanwhile: 1",
      `${" ".repeat(31)}(edited) 👍 1`,
      "#2 12:00:00 changed meanwhile: (erased by ben)",
      "#3 12:00:00 ben: three",
      "",
    ]);
  });
});

describe("from a pipe", () => {
  test("each line is a message, also one that begins with /; it ends with its input", async () => {
    await using room = await startChat();
    const { code, stdout } = await room.chat([], "one\n\n/etc/hosts\r\nlast, without an end");
    expect(stdout.replaceAll(/^#(\d) [\d:]+ /gm, "$1 ")).toBe(
      "1 ann: one\n2 ann: /etc/hosts\n3 ann: last, without an end\n",
    );
    expect(code).toBe(0);
  });

  test("a reader that closes the pipe ends it, like head", async () => {
    await using room = await startChat();
    await post(room.server, "m1", "m2");
    const process = room.start(["--after", "0"]);
    const reader = process.stdout.getReader();
    await reader.read();
    await reader.cancel();
    await post(room.server, "m3", "m4");
    expect(await process.exited).toBe(0);
  });
});

describe("MX7 earlier messages", () => {
  test("--history shows the newest messages first, as one `history`, and costs nothing", async () => {
    await using room = await startChat();
    await post(room.server, "m1", "m2", "m3");
    const { code, stdout } = await room.chat(["--json", "--commands", "--history", "2"], "/quota\n");
    const lines = linesOf({ stdout }).filter(({ type }) => type !== "status");
    const fields = { id: expect.any(String), from: "ben", at: expect.any(Number) };
    const quota = { limit: 100, remaining: 100, reset: 0 };
    expect(lines).toEqual([
      {
        ...{ type: "welcome", user: "ann", conversation: "lobby", seq: 3, plan: "free", quota },
        present: [{ user: "ann", since: expect.any(Number) }],
      },
      { type: "history", messages: [2, 3].map((seq) => ({ seq, text: `m${seq}`, ...fields })), more: true },
      { type: "quota", plan: "free", quota },
    ]);
    expect(code).toBe(0);
  });

  longTest("as text, history goes to standard output; without --history a pipe gets none", async () => {
    await using room = await startChat();
    await post(room.server, "m1");
    const shown = await room.chat(["--history", "5", "-x", "hello"]);
    expect(shown.stdout.replaceAll(/^#(\d) [\d:]+ /gm, "$1 ")).toBe("1 ben: m1\n2 ann: hello\n");
    const plain = await room.chat(["-x", "again"]);
    expect(plain.stdout.replaceAll(/^#(\d) [\d:]+ /gm, "$1 ")).toBe("3 ann: again\n");
  });

  test("`busy` ends it with 1 and the server's text", async () => {
    await using room = await startChat();
    const long = "x".repeat(60_000);
    await post(room.server, long, long, long, long);
    for (let isBusy = false; !isBusy; ) {
      const parley = connect({ url: room.server.url, token: await room.server.token("ann") });
      const lobby = parley.conversation("lobby");
      isBusy = await new Promise((resolve) => {
        parley.on("closed", ({ code }) => resolve(code === "busy"));
        watchMessages(lobby).subscribe(({ status }) => status === "ready" && resolve(false));
      });
      await parley.close();
    }
    const ended = await room.chat(["--history", "50"]);
    expect(ended.stderr).toMatch(
      /^parley: The server did not open lobby: busy\. .*sent to this user within the last hour/,
    );
    expect(ended.code).toBe(1);
  });
});

describe("its end", () => {
  test("--after begins behind a message, --count ends after that many messages of others", async () => {
    await using room = await startChat();
    await post(room.server, "m1", "m2", "m3", "m4");
    const { code, stdout } = await room.chat(["--after", "1", "--count", "2", "--json"]);
    expect(textsOf(linesOf({ stdout })).slice(0, 2)).toEqual(["m2", "m3"]);
    expect(code).toBe(0);
  });

  longTest("--duration ends it: with 0, or with 1 when fewer came than --count requires", async () => {
    await using room = await startChat();
    expect(await room.chat(["--duration", "0.1"])).toMatchObject({ code: 0 });
    expect(await room.chat(["--duration", "0.1", "--count", "1"])).toMatchObject({ code: 1 });
  });

  test("a signal ends it: SIGINT with 130, SIGTERM with 143", async () => {
    await using room = await startChat();
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      const process = room.start(["--json"]);
      await process.stdout.getReader().read();
      process.kill(signal);
      expect(await process.exited).toBe(code);
    }
  });

  test("a server that closes for good ends it with 1 and the reason", async () => {
    await using room = await startChat();
    const process = room.start(["--commands"]);
    process.stdin.write("/close 4403 out\n");
    await process.stdin.flush();
    expect(await process.exited).toBe(1);
    expect(await new Response(process.stderr).text()).toContain("closed with 4403, out.");
  });

  longTest("a client that is refused gets the reason, and exit code 1", async () => {
    await using room = await startChat();
    const folder = new ParleyFolder();
    const run = (env: Record<string, string>, ...args: string[]) => folder.run(["chat", ...args], { env });
    const url = { PARLEY_URL: room.server.url };
    const ann = { ...url, PARLEY_TOKEN: await room.server.token("ann") };
    expect((await run({ ...url, PARLEY_TOKEN: "x" }, "--user", "ann")).stderr).toContain(
      "closed the connection with 4401",
    );
    expect((await run(ann, "--token", ann.PARLEY_TOKEN, "--user", "ben")).stderr).toContain(
      "closed the connection with 4403",
    );
    const { code, stderr } = await run({ ...ann, PARLEY_URL: "http://127.0.0.1:1" });
    expect(stderr).toStartWith("parley: http://127.0.0.1:1 cannot be reached");
    expect(code).toBe(1);
    expect((await run(ann, "--after", "7")).stderr).toBe(
      "parley: --after=7 is too large: the newest message is #0.\n",
    );
    await folder[Symbol.asyncDispose]();
  });

  test("a usage error ends with 2", async () => {
    await using room = await startChat();
    for (const args of [
      ["--count", "x"],
      ["-w", "-1"],
      ["-x", ""],
      ["--conversation", "team"],
      ["a", "b"],
      ["--history", "51"],
      ["--history", "5", "--after", "3"],
      ["--stream", "-x", "hello"],
      ["--stream", "--commands"],
      ["--frobnicate"],
    ]) {
      const { code, stdout, stderr } = await room.chat(args);
      expect(stderr).toStartWith("error: ");
      expect([code, stdout]).toEqual([2, ""]);
    }
  });
});
