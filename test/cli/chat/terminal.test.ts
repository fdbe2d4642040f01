import { describe, expect, test } from "bun:test";
import { connect } from "../../../src/client/connect.ts";
import { accountOf, startTestServer, type TestServer } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { BIN, ParleyFolder } from "../parley.ts";
import { ParleyTerminal } from "../terminal.ts";

/** A server, a folder, and `ann` in the lobby of it at a terminal. */
async function sitDown(
  env: Record<string, string> = {},
  columns = 80,
  settings: Record<string, string> = {},
) {
  const server = await startTestServer({ env: { TEST_FAULTS: "true", ...settings } });
  const folder = new ParleyFolder();
  const token = await server.token("ann");
  const args = ["chat", "lobby", "--url", server.url];
  const terminal = new ParleyTerminal(folder, args, { PARLEY_TOKEN: token, ...env }, columns);
  await terminal.shows("lobby>");
  return {
    server,
    terminal,
    async [Symbol.asyncDispose]() {
      await terminal[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}

/** Another user in the lobby. */
async function join(server: TestServer, user: string) {
  const parley = connect({ url: server.url, token: await server.token(user) });
  const lobby = parley.conversation("lobby");
  return { lobby, [Symbol.asyncDispose]: () => parley.close() };
}

/** The rows at the foot of the screen, from the one with the prompt on, and the cursor in them. */
function foot({ screen }: ParleyTerminal) {
  const first = screen.lines.findLastIndex((line) => line.startsWith("lobby"));
  const [row, column] = screen.cursor;
  return { rows: screen.lines.slice(first), cursor: [row - first, column] };
}

describe("a half-typed line survives what arrives", () => {
  test("on one row, with the cursor where it was", async () => {
    await using desk = await sitDown();
    const { terminal, server } = desk;
    await using ben = await join(server, "ben");
    await terminal.shows("ben is here now");
    terminal.type("half a lin\x1b[D\x1b[D");
    await terminal.shows("lobby> half a lin");
    await until("the cursor is back", () => foot(terminal).cursor[1] === 15);
    await ben.lobby.send("am I disturbing?");
    await terminal.shows(/^#1 \d\d:\d\d:\d\d ben: am I disturbing\?$/);
    expect(foot(terminal)).toEqual({ rows: ["lobby> half a lin"], cursor: [0, 15] });
    terminal.type("\x05e\r");
    await terminal.shows(/#2 stored after [\d.]+ ms; 99 of 100 requests left/);
    expect(terminal.lines.filter((line) => line.includes("half a line"))).toEqual(["lobby> half a line"]);
  });

  test("on several rows, while messages of several lines arrive", async () => {
    await using desk = await sitDown({}, 30);
    const { terminal, server } = desk;
    await using ben = await join(server, "ben");
    const typed = "a text that needs more than one row of this terminal";
    terminal.type(typed);
    await terminal.shows("row of this");
    const whole = ["lobby> a text that needs more", "than one row of this terminal"];
    for (const text of ["one", "two\nlines", "a message that is longer than one row, too"]) {
      const { seq } = await ben.lobby.send(text);
      await terminal.shows(`#${seq} `);
    }
    expect(foot(terminal)).toEqual({ rows: whole, cursor: [1, whole[1]!.length] });
    const first = terminal.lines.findIndex((line) => line.includes("ben: two"));
    expect(terminal.lines[first + 1]).toBe("                 lines");
    expect(terminal.lines.filter((line) => line.startsWith("lobby>"))).toEqual([whole[0]!]);
  });
});

test("who types is shown in the prompt; one's own typing is told, commands are not", async () => {
  await using desk = await sitDown();
  const { terminal, server } = desk;
  await using ben = await join(server, "ben");
  const typing: boolean[] = [];
  ben.lobby.on("typing", ({ active }) => typing.push(active));
  await terminal.shows("ben is here now");
  terminal.type("/wh");
  await terminal.shows("lobby> /wh");
  ben.lobby.typing(true);
  await terminal.shows("lobby (ben types)> /wh");
  await ben.lobby.send("there");
  await terminal.shows("lobby> /wh");
  terminal.type("o\r");
  await terminal.shows(/^ben, here since \d\d:\d\d:\d\d$/);
  expect(typing).toEqual([]);
  terminal.type("h");
  await until("ben sees it", () => typing.length === 1);
  terminal.type("i\r");
  await until("ben sees the end", () => typing.at(-1) === false);
});

test("text of others cannot steer the terminal", async () => {
  await using desk = await sitDown();
  const { terminal, server } = desk;
  await using ben = await join(server, "ben");
  await ben.lobby.send("\x1b]0;owned\x07\x1b[2J\u009b2J\b\b\rann: I agree\x1b[31m\u202e");
  // The screen of the test throws at every sequence but the few that readline writes.
  await terminal.shows("ben: ␛]0;owned␇␛[2J\\u009b2J␈␈␍ann: I agree␛[31m\\u202e");
});

describe("commands", () => {
  test("/quota, /history, /ping and /help answer, and a wrong one says so", async () => {
    await using desk = await sitDown();
    const { terminal } = desk;
    terminal.type("hello\r");
    await terminal.shows("#1 stored");
    terminal.type("/quota\r");
    await terminal.shows("99 of 100 requests left in this hour (plan free); all 100 again in 60 min");
    terminal.type("/history\r");
    await terminal.shows(/^#1 \d\d:\d\d:\d\d ann: hello/);
    terminal.type("/ping\r");
    await terminal.shows(/^answered after [\d.]+ ms$/);
    terminal.type("/help\r");
    await terminal.shows("/fault cut ");
    terminal.type("/hlep\r");
    await terminal.shows("There is no /hlep; /help shows what there is.");
    terminal.type("//hlep\r");
    await terminal.shows("#2 stored");
    terminal.type("/quit\r");
    expect(await terminal.ended).toBe(0);
  });

  test("/close 4400 x: the server closes, it is said what that means, /reconnect comes back", async () => {
    await using desk = await sitDown();
    const { terminal } = desk;
    terminal.type("/close 4400 x\r");
    await terminal.shows("closed with 4400, x. Check user, conversation and parameters");
    terminal.type("/reconnect\r");
    await terminal.shows(/^back after .*: nothing was said meanwhile, nothing is lost$/);
    terminal.type("/close\r");
    await terminal.shows(/^closed$/);
    terminal.type("here again\r");
    await terminal.shows("#1 stored");
  });

  test("D4 /fault cut: what was said meanwhile is caught up with, in order and once, and what was typed is stored", async () => {
    await using desk = await sitDown();
    const { terminal, server } = desk;
    await using ben = await join(server, "ben");
    await ben.lobby.send("before");
    await terminal.shows("ben: before");
    terminal.type("/fault cut\r");
    await terminal.shows(/^no connection \(.+\); next try in/);
    for (const text of ["m1", "m2", "m3"]) await ben.lobby.send(text);
    terminal.type("typed while away\r");
    terminal.type("/reconnect\r");
    await terminal.shows(/^back after .*: 3 messages caught up with, nothing is lost$/);
    await terminal.shows("#5 stored");
    expect(terminal.lines.flatMap((line) => /^#\d+ [\d:]+ (ben: .*)/.exec(line)?.[1] ?? [])).toEqual([
      "ben: before",
      "ben: m1",
      "ben: m2",
      "ben: m3",
    ]);
  });

  test("a server without TEST_FAULTS makes none, and it is said what it would want", async () => {
    await using desk = await sitDown({}, 120, { TEST_FAULTS: "false" });
    const { terminal } = desk;
    terminal.type("/fault cut\r");
    await terminal.shows("This server makes no faults: it would have to be started with TEST_FAULTS=true.");
  });
});

test("S2 a password is asked for unseen, and then one can talk", async () => {
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

test("started as npm does, through Node, it ends as it does alone", async () => {
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
    for (const [press, code] of ends) {
      await using desk = await sitDown();
      press(desk.terminal);
      expect(await desk.terminal.ended).toBe(code);
    }
  });
});

test("colours are for terminals that want them: NO_COLOR and TERM=dumb do not", async () => {
  const isColoured = async (env: Record<string, string>) => {
    await using desk = await sitDown(env);
    desk.terminal.type("hello\r");
    await desk.terminal.shows("stored");
    return desk.terminal.screen.coloured;
  };
  expect(await isColoured({})).toBe(true);
  expect(await isColoured({ NO_COLOR: "1" })).toBe(false);
  expect(await isColoured({ TERM: "dumb" })).toBe(false);
});
