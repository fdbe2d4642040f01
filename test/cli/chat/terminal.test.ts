import { describe, expect, test } from "bun:test";
import { enter } from "../../support/clients/library.ts";
import { longTest } from "../../support/long-test.ts";
import { accountOf, startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { BIN, MAIN, ParleyFolder } from "../parley-folder.ts";
import { ParleyTerminal } from "../parley-terminal.ts";

type Env = Record<string, string>;

/** A server, a folder, and `ann` in the lobby of it at a terminal. With `shared` it is on that server, which stays. */
async function sitDown(env: Env = {}, columns = 80, settings: Env = {}, shared?: TestServer) {
  const server = shared ?? (await startTestServer({ env: { TEST_FAULTS: "true", ...settings } }));
  const folder = new ParleyFolder();
  const own = { PARLEY_TOKEN: await server.token("ann"), ...env };
  const terminal = new ParleyTerminal(folder, ["chat", "lobby", "--url", server.url], own, columns);
  await terminal.shows("lobby>");
  return {
    server,
    terminal,
    async [Symbol.asyncDispose]() {
      await terminal[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
      if (shared === undefined) await server.stop();
    },
  };
}

/** The rows at the foot of the screen, from the one with the prompt on, and the cursor in them. */
function foot({ screen }: ParleyTerminal) {
  const first = screen.lines.findLastIndex((line) => line.startsWith("lobby"));
  const [row, column] = screen.cursor;
  return { rows: screen.lines.slice(first), cursor: [row - first, column] };
}

/** The texts of `user` on the screen, in their order. */
function textsOf(user: string, { lines }: ParleyTerminal): string[] {
  return lines.flatMap((line) => new RegExp(`^#\\d+ [\\d:]+ ${user}: (.*)`).exec(line)?.[1] ?? []);
}

describe("a half-typed line survives arriving messages", () => {
  test("on one row, with the cursor in the same column", async () => {
    await using desk = await sitDown();
    const { terminal, server } = desk;
    await using ben = await enter(server, "ben");
    await terminal.shows("ben joined");
    terminal.type("half a lin\x1b[D\x1b[D");
    await terminal.shows("lobby> half a lin");
    await waitUntil("the cursor is back", () => foot(terminal).cursor[1] === 15);
    await ben.lobby.send("am I disturbing?");
    await terminal.shows(/^#1 \d\d:\d\d:\d\d ben: am I disturbing\?$/);
    await waitUntil("the half-typed line is below", () => foot(terminal).cursor[1] === 15);
    expect(foot(terminal)).toEqual({ rows: ["lobby> half a lin"], cursor: [0, 15] });
    terminal.type("\x05e\r");
    await terminal.shows(/#2 stored, ack after [\d.]+ ms; 99 of 100 requests left/);
    expect(terminal.lines.filter((line) => line.includes("half a line"))).toEqual(["lobby> half a line"]);
  });

  longTest("on several rows, while messages of several lines arrive", async () => {
    await using desk = await sitDown({}, 30);
    const { terminal, server } = desk;
    await using ben = await enter(server, "ben");
    const typed = "a text that needs more than one row of this terminal";
    terminal.type(typed);
    await terminal.shows("row of this");
    const whole = ["lobby> a text that needs more", "than one row of this terminal"];
    for (const text of ["one", "two\nlines", "a message that is longer than one row, too"]) {
      const { seq } = await ben.lobby.send(text);
      await terminal.shows(`#${seq} `);
    }
    await waitUntil("the half-typed line is below", () => foot(terminal).cursor[1] === whole[1]!.length);
    expect(foot(terminal)).toEqual({ rows: whole, cursor: [1, whole[1]!.length] });
    const first = terminal.lines.findIndex((line) => line.includes("ben: two"));
    expect(terminal.lines[first + 1]).toBe("                 lines");
    expect(terminal.lines.filter((line) => line.startsWith("lobby>"))).toEqual([whole[0]!]);
  });

  longTest("of wide characters, which end a row before its last column", async () => {
    await using desk = await sitDown({}, 30);
    const { terminal, server } = desk;
    await using ben = await enter(server, "ben");
    await terminal.shows("ben joined");
    terminal.type("日本語のテキストは全角で、一行に収まりません");
    await terminal.shows("収まりません");
    const whole = ["lobby> 日本語のテキストは全角", "で、一行に収まりません"];
    for (const text of ["one", "two", "three"]) {
      const { seq } = await ben.lobby.send(text);
      await terminal.shows(`#${seq} `);
    }
    await waitUntil("the half-typed line is below", () => foot(terminal).cursor[1] === 22);
    expect(foot(terminal)).toEqual({ rows: whole, cursor: [1, 22] });
    expect(textsOf("ben", terminal)).toEqual(["one", "two", "three"]);
  });

  test("when the window is made narrower and wider, and so do messages of others", async () => {
    await using desk = await sitDown();
    const { terminal, server } = desk;
    await using ben = await enter(server, "ben");
    await terminal.shows("ben joined");
    const typed = "a text that needs two rows at first, and later three of them, and then two rows again";
    terminal.type(typed);
    await terminal.shows("rows again");
    for (const [columns, text] of [
      [40, "at forty"],
      [100, "at a hundred"],
      [30, "at thirty"],
      [80, "as at first"],
    ] as const) {
      terminal.resize(columns);
      await ben.lobby.send(text);
      await terminal.shows(text);
      const rows = `lobby> ${typed}`.match(new RegExp(`.{1,${columns}}`, "g"))!;
      const wanted = {
        rows: rows.map((row) => row.trimEnd()),
        cursor: [rows.length - 1, rows.at(-1)!.length],
      };
      await waitUntil("it is complete", () => Bun.deepEquals(foot(terminal), wanted));
      expect(terminal.lines.filter((line) => line.startsWith("lobby>"))).toHaveLength(1);
    }
    expect(textsOf("ben", terminal)).toEqual(["at forty", "at a hundred", "at thirty", "as at first"]);
  });

  // A shell stops and continues jobs only if the terminal is its own.
  test.skipIf(Bun.which("setsid") === null)("Ctrl+Z and fg", async () => {
    await using server = await startTestServer();
    await using folder = new ParleyFolder();
    await using ben = await enter(server, "ben");
    const env = { PS1: "shell> ", PARLEY_URL: server.url, PARLEY_TOKEN: await server.token("ann") };
    const shell = ["setsid", "--ctty", "--wait", "bash", "--norc", "--noprofile", "-i"];
    await using terminal = new ParleyTerminal(folder, [], env, 80, shell);
    await terminal.shows("shell>");
    terminal.type(`${process.execPath} --no-env-file ${MAIN} chat lobby\r`);
    await terminal.shows("lobby>");
    terminal.type("half a \x1a");
    await terminal.shows("Stopped");
    await ben.lobby.send("sent meanwhile");
    terminal.type("fg\r");
    await terminal.shows(/^#1 .* ben: sent meanwhile/);
    terminal.type("line\r");
    await terminal.shows("#2 stored");
    await terminal.shows(/^lobby> half a line$/);
  });
});

test("MX7 a terminal shows the newest messages free of charge, and marks them as read", async () => {
  await using server = await startTestServer();
  await using folder = new ParleyFolder();
  await using ben = await enter(server, "ben");
  for (let i = 1; i <= 22; i++) await ben.lobby.send(`m${i}`);
  const reads: number[] = [];
  ben.lobby.on("read", ({ seq }) => reads.push(seq));
  const args = ["chat", "lobby", "--url", server.url];
  await using terminal = new ParleyTerminal(folder, args, { PARLEY_TOKEN: await server.token("ann") });
  await terminal.shows("lobby>");
  await terminal.shows("100 of 100 requests left");
  await terminal.shows("ben: m22");
  expect(textsOf("ben", terminal)).toEqual(Array.from({ length: 20 }, (_, index) => `m${index + 3}`));
  await waitUntil("ben sees that it was read", () => reads.length > 0);
  expect(reads).toEqual([22]);
  terminal.type("/quota\r");
  await terminal.shows("100 of 100 requests left in this hour (plan free)");
});

longTest("a paste of many lines is sent line by line, and is no flood", async () => {
  await using desk = await sitDown();
  const { terminal } = desk;
  const lines = Array.from({ length: 40 }, (_, index) => `line ${index + 1}`);
  terminal.type(lines.map((line) => `${line}\r`).join(""));
  await terminal.shows("#40 stored");
  expect(terminal.lines.join("\n")).not.toContain("warning");
  terminal.type("/history 40\r");
  await terminal.shows("ann: line 40");
  expect(textsOf("ann", terminal)).toEqual(lines);
});

test("the Tab key completes commands and names", async () => {
  await using desk = await sitDown();
  const { terminal, server } = desk;
  await using ben = await enter(server, "ben");
  await terminal.shows("ben joined");
  terminal.type("/fa\t");
  await terminal.shows(/^lobby> \/fault$/);
  // A tab inside of a paste is one.
  terminal.type("fil\t");
  await terminal.shows(/^lobby> \/fault fill_quota$/);
  terminal.type("\r");
  await terminal.shows('fault requested: {"do":"fill_quota"}');
  terminal.type("dear b\t");
  await terminal.shows(/^lobby> dear ben$/);
  expect(ben.lobby.status.getSnapshot().state).toBe("live");
});

test("the prompt shows who types; one's own typing is sent, commands are not", async () => {
  await using desk = await sitDown();
  const { terminal, server } = desk;
  await using ben = await enter(server, "ben");
  const typing: boolean[] = [];
  ben.lobby.on("typing", ({ active }) => typing.push(active));
  await terminal.shows("ben joined");
  terminal.type("/wh");
  await terminal.shows("lobby> /wh");
  ben.lobby.typing(true);
  await terminal.shows("lobby (ben is typing)> /wh");
  await ben.lobby.send("there");
  await terminal.shows("lobby> /wh");
  terminal.type("o\r");
  await terminal.shows(/^ben, present since \d\d:\d\d:\d\d$/);
  expect(typing).toEqual([]);
  terminal.type("h");
  await waitUntil("ben sees it", () => typing.length === 1);
  terminal.type("i\r");
  await waitUntil("ben sees the end", () => typing.at(-1) === false);
});

test("text of others cannot control the terminal", async () => {
  await using desk = await sitDown();
  const { terminal, server } = desk;
  await using ben = await enter(server, "ben");
  await ben.lobby.send("\x1b]0;owned\x07\x1b[2J\u009b2J\b\b\rann: I agree\x1b[31m\u202e");
  // The screen of the test throws at every sequence but the few that readline writes.
  await terminal.shows("ben: ␛]0;owned␇␛[2J\\u009b2J␈␈␍ann: I agree␛[31m\\u202e");
});

test("CH4 a terminal shows changes and their acks, completes the number of a message, and refuses in words", async () => {
  await using desk = await sitDown();
  const { terminal, server } = desk;
  await using ben = await enter(server, "ben");
  terminal.type("helo\r");
  await terminal.shows("#1 stored");
  // The number of one's own message.
  terminal.type("/edit \t");
  await terminal.shows(/^lobby> \/edit 1$/);
  terminal.type("hello\r");
  await terminal.shows(/^#1 \d\d:\d\d:\d\d edited by ann: hello$/);
  await terminal.shows(/^#1 changed, ack after .*; 98 of 100 requests left$/);
  await ben.lobby.react(1, "👍");
  await terminal.shows(/^#1 \d\d:\d\d:\d\d reaction 👍 ?by ben \(1 in all\)$/);
  await ben.lobby.send("mine");
  await terminal.shows("ben: mine");
  terminal.type("/erase 2\r");
  await terminal.shows("#2 not changed: Only its own user may edit a message");
  terminal.type("/erase 1 a slip\r");
  await terminal.shows(/^#1 \d\d:\d\d:\d\d erased by ann: a slip$/);
  terminal.type("/react 1 👍\r");
  await terminal.shows("#1 not changed: The message was erased.");
  terminal.type("/history\r");
  await terminal.shows(/^#1 \d\d:\d\d:\d\d ann: \(erased by ann: a slip\)$/);
});

describe("commands", () => {
  test("/quota, /history, /ping and /help print results, and an unknown command an error", async () => {
    await using desk = await sitDown();
    const { terminal } = desk;
    terminal.type("hello\r");
    await terminal.shows("#1 stored");
    terminal.type("/quota\r");
    await terminal.shows("99 of 100 requests left in this hour (plan free); all 100 available again in 60");
    terminal.type("/history\r");
    await terminal.shows(/^#1 \d\d:\d\d:\d\d ann: hello/);
    terminal.type("/ping\r");
    await terminal.shows(/^the server replied after [\d.]+ ms$/);
    terminal.type("/help\r");
    await terminal.shows("/fault cut ");
    terminal.type("/hlep\r");
    await terminal.shows("Unknown command /hlep; /help lists all commands.");
    terminal.type("//hlep\r");
    await terminal.shows("#2 stored");
    terminal.type("/quit\r");
    expect(await terminal.ended).toBe(0);
  });

  longTest("/close 4400 x: the server closes, the meaning is shown, /reconnect reconnects", async () => {
    await using desk = await sitDown();
    const { terminal } = desk;
    terminal.type("/close 4400 x\r");
    await terminal.shows("closed with 4400, x. Check user, conversation and parameters");
    terminal.type("/reconnect\r");
    await terminal.shows(/^reconnected after .*: no missed messages, none lost$/);
    terminal.type("/close\r");
    await terminal.shows(/^closed$/);
    terminal.type("here again\r");
    await terminal.shows("#1 stored");
  });

  test("D4 /fault cut: missed messages are caught up in order and once, and typed ones are stored", async () => {
    await using desk = await sitDown();
    const { terminal, server } = desk;
    await using ben = await enter(server, "ben");
    await ben.lobby.send("before");
    await terminal.shows("ben: before");
    terminal.type("/fault cut\r");
    await terminal.shows(/^disconnected \(.+\); next attempt in/);
    for (const text of ["m1", "m2", "m3"]) await ben.lobby.send(text);
    terminal.type("typed while away\r");
    terminal.type("/reconnect\r");
    await terminal.shows(/^reconnected after .*: 3 missed messages received, none lost$/);
    await terminal.shows("#5 stored");
    expect(textsOf("ben", terminal)).toEqual(["before", "m1", "m2", "m3"]);
  });

  longTest("a server without TEST_FAULTS refuses faults, and the message names the setting", async () => {
    await using desk = await sitDown({}, 120, { TEST_FAULTS: "false" });
    const { terminal } = desk;
    terminal.type("/fault cut\r");
    await terminal.shows("This server does not inject faults: start it with TEST_FAULTS=true.");
  });
});

test("SEC-S2 the password is typed without echo, and then the chat begins", async () => {
  await using server = await startTestServer();
  const passwordHash = await Bun.password.hash("correct horse", { algorithm: "bcrypt", cost: 4 });
  await server.accounts.add(accountOf("eve", { passwordHash }));
  await using folder = new ParleyFolder();
  const args = ["chat", "lobby", "--url", server.url, "--user", "eve"];
  await using wrong = new ParleyTerminal(folder, args);
  await wrong.shows("Password of eve at");
  wrong.type("incorrect\r");
  expect(await wrong.ended).toBe(1);
  await wrong.shows("eve cannot sign in");
  await using stopped = new ParleyTerminal(folder, args);
  await stopped.shows("Password of eve at");
  stopped.type("\x03");
  expect(await stopped.ended).toBe(130);
  await using terminal = new ParleyTerminal(folder, args);
  await terminal.shows("Password of eve at");
  terminal.type("correct horse\r");
  await terminal.shows("lobby>");
  terminal.type("hello\r");
  await terminal.shows("#1 stored");
  expect(terminal.lines.join("\n")).not.toContain("horse");
});

longTest("started through Node, as npm does, it ends like a direct start", async () => {
  await using server = await startTestServer();
  await using folder = new ParleyFolder();
  const args = ["chat", "lobby", "--url", server.url, "--user", "user2"];
  for (const [keys, code] of [
    ["/quit\r", 0],
    ["\x03", 130],
  ] as const) {
    await using terminal = new ParleyTerminal(folder, args, {}, 80, ["node", BIN]);
    await terminal.shows("lobby>");
    terminal.type(keys);
    expect(await terminal.ended).toBe(code);
  }
});

describe("its end", () => {
  test("Ctrl+C ends it with 130, SIGINT too, SIGTERM with 143, Ctrl+D with 0", async () => {
    const ends = [
      [(terminal: ParleyTerminal) => terminal.type("\x03"), 130],
      [({ process }: ParleyTerminal) => process.kill("SIGINT"), 130],
      [({ process }: ParleyTerminal) => process.kill("SIGTERM"), 143],
      [(terminal: ParleyTerminal) => terminal.type("\x04"), 0],
    ] as const;
    await using server = await startTestServer();
    for (const [press, code] of ends) {
      await using desk = await sitDown({}, 80, {}, server);
      press(desk.terminal);
      expect(await desk.terminal.ended).toBe(code);
    }
  });

  longTest("a half-typed line stays on the screen at the end, an empty prompt does not", async () => {
    await using server = await startTestServer();
    for (const typed of ["half a line", ""]) {
      await using desk = await sitDown({}, 80, {}, server);
      desk.terminal.type(typed);
      await desk.terminal.shows(`lobby> ${typed}`.trimEnd());
      desk.terminal.type("\x03");
      await desk.terminal.ended;
      // The last output of the process may arrive after its end.
      await waitUntil("the prompt is gone", () => desk.terminal.lines.at(-1) === "");
      expect(desk.terminal.lines.slice(-2).at(typed === "" ? -1 : 0)).toBe(typed && `lobby> ${typed}`);
    }
  });

  test("Q4 it lists messages without an ack and ends with 1", async () => {
    await using desk = await sitDown({}, 80, { PLANS: "free:1:5", DEFAULT_PLAN: "free" });
    const { terminal } = desk;
    terminal.type("one\rtwo\r");
    await terminal.shows("pending messages are sent again in");
    terminal.type("\x04");
    expect(await terminal.ended).toBe(1);
    expect(terminal.lines.slice(-2)).toEqual(["Not sent: 1 message without an ack.", ""]);
  });
});

longTest("colours are for terminals that support them: not with NO_COLOR or TERM=dumb", async () => {
  await using server = await startTestServer();
  const isColoured = async (env: Record<string, string>) => {
    await using desk = await sitDown(env, 80, {}, server);
    desk.terminal.type("hello\r");
    await desk.terminal.shows("stored");
    return desk.terminal.screen.coloured;
  };
  expect(await isColoured({})).toBe(true);
  expect(await isColoured({ NO_COLOR: "1" })).toBe(false);
  expect(await isColoured({ TERM: "dumb" })).toBe(false);
});
