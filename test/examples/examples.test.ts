import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "../../packages/parley-client/build.ts";
import { EXAMPLES_FOLDER, readExampleFiles } from "../../src/cli/commands/example-files.ts";
import { MAIN, ParleyFolder } from "../cli/parley-folder.ts";
import { FaultProxy } from "../delivery/fault-proxy.ts";
import { removeConversation } from "../server/removal.ts";
import { chromiumPath, openPage, startBrowser } from "../support/browser/browser.ts";
import { longTest } from "../support/long-test.ts";
import { SECRET, startTestServer, type TestServer } from "../support/server/test-server.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { makeExampleFolder, python } from "./example-folder.ts";

/** A folder as a user has it: the examples, and the package next to them. */
let folder: string;
beforeAll(async () => {
  folder = await makeExampleFolder();
  // Where `npx parley` finds it.
  mkdirSync(join(folder, "node_modules/.bin"));
  writeFileSync(
    join(folder, "node_modules/.bin/parley"),
    `#!/bin/sh\nexec ${process.execPath} --no-env-file ${MAIN} "$@"\n`,
  );
  chmodSync(join(folder, "node_modules/.bin/parley"), 0o755);
});
afterAll(() => rmSync(folder, { recursive: true }));

const EXAMPLES = readExampleFiles().map(({ name }) => name);

/** Which examples were run, so that none is forgotten. */
const ran = new Set<string>();

/** Runs an example as a user would. */
function start(command: readonly string[], server: TestServer, env: Record<string, string> = {}) {
  ran.add(command.find((word) => EXAMPLES.includes(word))!);
  const child = Bun.spawn([...command], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? "", HOME: folder, PARLEY_URL: server.url, ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const written = { stdout: "", stderr: "" };
  const gather = async (from: "stdout" | "stderr") => {
    for await (const chunk of child[from]) written[from] += new TextDecoder().decode(chunk);
  };
  const ended = Promise.all([gather("stdout"), gather("stderr")]).then(() => child.exited);
  return { child, written, ended };
}

const js = [process.execPath, "--no-env-file"];

/** Posts a text to a conversation, as `user`. */
async function postMessage(
  server: TestServer,
  user: string,
  text: string,
  conversation = "lobby",
): Promise<void> {
  const answer = await fetch(`${server.url}/conversations/${conversation}/messages`, {
    method: "POST",
    headers: { Authorization: `Bearer ${await server.token(user)}`, "Content-Type": "application/json" },
    body: JSON.stringify({ text }),
  });
  expect(answer.status).toBe(201);
}

/** The texts of a conversation. */
async function readTexts(server: TestServer, conversation = "lobby"): Promise<string[]> {
  const headers = { Authorization: `Bearer ${await server.token("reader")}` };
  const answer = await fetch(`${server.url}/conversations/${conversation}/messages?limit=50`, { headers });
  return ((await answer.json()) as { messages: { text: string }[] }).messages.map(({ text }) => text);
}

test.skipIf(Bun.which("jq") === null || Bun.which("curl") === null)("talk.sh", async () => {
  await using server = await startTestServer();
  const { written, ended } = start(["sh", "talk.sh"], server);
  expect({ code: await ended, ...written }).toEqual({
    code: 0,
    stdout: "stored as 1, 99 requests left\n1 user1: hello from curl\n",
    stderr: "",
  });
});

test.skipIf(Bun.which("jq") === null)("chat.sh", async () => {
  await using server = await startTestServer();
  const { written, ended } = start(["sh", "chat.sh"], server);
  expect(await ended).toBe(0);
  expect(written.stdout).toMatch(/^#1 [\d:]+ user2: hello from chat\n1 user2: hello from chat\n$/);
});

test("first-talk.jsonl", async () => {
  await using server = await startTestServer();
  const run = start(["npx", "parley", "run", "first-talk.jsonl"], server);
  expect({ code: await run.ended, ...run.written }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^passed {2}first-talk\.jsonl: (\d+) of \1 as expected, [\d.]+ s\n$/),
    stderr: "",
  });
});

test("echo-bot.mjs replies once, also to messages from while it was stopped", async () => {
  await using server = await startTestServer();
  const env = { PARLEY_TOKEN: await server.token("bot") };
  const first = start([...js, "echo-bot.mjs", "lobby"], server, env);
  await waitUntil("the bot is connected", () => /^live/m.test(first.written.stderr));
  await postMessage(server, "ann", "hello, bot");
  await postMessage(server, "ann", "echo one");
  await waitUntil("it replied", () => first.written.stdout === "replied to ann\n");
  await waitUntil("its reply is stored", async () => (await readTexts(server)).includes("one"));
  await waitUntil("it saved its place", () => readdirSync(folder).includes("lobby.place"));
  first.child.kill("SIGTERM");
  expect(await first.ended).toBe(0);

  await postMessage(server, "ann", "echo two");
  const second = start([...js, "echo-bot.mjs", "lobby"], server, env);
  await waitUntil("it replied to the message it had missed", async () =>
    (await readTexts(server)).includes("two"),
  );
  await waitUntil("it reports that", () => second.written.stdout === "replied to ann\n");
  second.child.kill("SIGTERM");
  expect(await second.ended).toBe(0);
  expect(await readTexts(server)).toEqual(["hello, bot", "echo one", "one", "echo two", "two"]);
});

longTest(
  "MB6 echo-bot.mjs begins again after its conversation was removed, while running and while stopped",
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "parley-echo-"));
    await using server = await startTestServer({ env: { DATA_DIR: dataDir } });
    const env = { PARLEY_TOKEN: await server.token("bot") };
    const remove = () => removeConversation({ DATA_DIR: dataDir }, "removed");
    const talk = async (run: ReturnType<typeof start>, text: string) => {
      const before = run.written.stdout;
      await postMessage(server, "ann", `echo ${text}`, "removed");
      await waitUntil("it replied", () => run.written.stdout === `${before}replied to ann\n`);
      await waitUntil("it was stored", async () => (await readTexts(server, "removed")).includes(text));
      await waitUntil("it saved its place", () => readdirSync(folder).includes("removed.place"));
    };
    const first = start([...js, "echo-bot.mjs", "removed"], server, env);
    await waitUntil("the bot is connected", () => /^live/m.test(first.written.stderr));
    await talk(first, "one");
    await remove();
    await waitUntil("it has reconnected", () => first.written.stderr.match(/^live/gm)?.length === 2);
    await talk(first, "two");
    first.child.kill("SIGTERM");
    expect(await first.ended).toBe(0);

    await remove();
    const second = start([...js, "echo-bot.mjs", "removed"], server, env);
    // The server notices within a second that another process removed it.
    await waitUntil("it is refused, and reconnects", () =>
      /"code":"removed"[\s\S]*\nlive/.test(second.written.stderr),
    );
    await talk(second, "three");
    second.child.kill("SIGTERM");
    expect(await second.ended).toBe(0);
    rmSync(dataDir, { recursive: true });
  },
);

test.skipIf(chromiumPath() === undefined)(
  "page.html shows the newest page first, then new messages, and earlier ones on request",
  async () => {
    ran.add("page.html");
    await using web = serveFolder();
    await using server = await startTestServer({ env: { ALLOWED_ORIGINS: web.origin } });
    for (let n = 1; n <= 60; n++) await postMessage(server, "ann", `n${n}`);
    await using browser = await startBrowser();
    await using watched = await openPage(browser, `${web.origin}/page.html?server=${server.url}`);
    const { page } = watched;
    await page.getByPlaceholder("User").fill("user1");
    await page.getByPlaceholder("Password").fill("password");
    await page.getByRole("button", { name: "Sign in" }).click();
    const shown = () => page.locator("#list li").allTextContents();
    const newest = Array.from({ length: 50 }, (_, at) => `ann: n${at + 11}`);
    await waitUntil("the newest page is shown", async () => (await shown()).length === 50);
    expect(await shown()).toEqual(newest);
    await postMessage(server, "ann", "live");
    await page.getByPlaceholder("Message").fill("<b>mine</b>");
    await page.getByRole("button", { name: "Send" }).click();
    await waitUntil("new messages come", async () => (await shown()).length === 52);
    expect((await shown()).slice(50)).toEqual(["ann: live", "user1: <b>mine</b>"]);
    await page.getByRole("button", { name: "Earlier" }).click();
    await waitUntil("the earlier ones come", async () => (await shown()).length === 62);
    expect((await shown()).slice(0, 11)).toEqual(Array.from({ length: 11 }, (_, at) => `ann: n${at + 1}`));
    expect(await page.getByRole("button", { name: "Earlier" }).isVisible()).toBe(false);
    expect(watched.errors).toEqual([]);
  },
);

test.skipIf(chromiumPath() === undefined)(
  "messenger.html: two users, a private group, unread counts, and a mute",
  async () => {
    ran.add("messenger.html");
    await using web = serveFolder();
    await using server = await startTestServer({ env: { ALLOWED_ORIGINS: web.origin } });
    await using browser = await startBrowser();
    const address = `${web.origin}/messenger.html?server=${server.url}`;
    await using first = await openPage(browser, address);
    await using second = await openPage(browser, address);
    for (const [{ page }, user] of [
      [first, "user1"],
      [second, "user2"],
    ] as const) {
      await page.getByPlaceholder("User").fill(user);
      await page.getByPlaceholder("Password").fill("password");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.locator("#status", { hasText: "live" }).waitFor();
    }
    await first.page.getByPlaceholder("Name of a new group").fill("Plans");
    await first.page.getByPlaceholder("Members: ann, bob").fill("user2");
    await first.page.getByRole("button", { name: "Make a group" }).click();
    await first.page.locator("h1", { hasText: "Plans" }).waitFor();
    const send = async ({ page }: typeof first, text: string) => {
      await page.getByPlaceholder("Message", { exact: true }).fill(text);
      await page.getByRole("button", { name: "Send" }).click();
    };
    for (const text of ["one", "two"]) await send(first, text);
    await second.page.getByRole("button", { name: "Plans (2)" }).click();
    const shown = ({ page }: typeof first) => page.locator("#messages li").allTextContents();
    await waitUntil("the second user sees both", async () => (await shown(second)).length === 2);
    expect(await shown(second)).toEqual(["user1: one", "user1: two"]);
    await second.page.bringToFront();
    await send(second, "three");
    await second.page.getByRole("button", { name: "Plans", exact: true }).waitFor();
    await first.page.locator("#messages li", { hasText: "user2: three" }).waitFor();

    await first.page.bringToFront();
    const muted = first.page.waitForResponse(/\/mutes\//);
    await first.page.getByRole("button", { name: "Mute for a minute" }).click();
    expect((await muted).status()).toBe(200);
    await send(second, "four");
    await second.page.locator("#messages li", { hasText: "user2: four (not sent: " }).waitFor();
    expect((await shown(first)).at(-1)).toBe("user2: three");
    expect([...first.errors, ...second.errors]).toEqual([]);
  },
);

/** Serves the folder on an origin of its own, with the library next to the page. */
function serveFolder() {
  const web = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/parley-client.js")
        return new Response((await bundle()).code, { headers: { "Content-Type": "text/javascript" } });
      if (pathname === "/favicon.ico") return new Response(null, { status: 204 });
      const file = Bun.file(join(folder, pathname));
      return (await file.exists()) ? new Response(file) : new Response(null, { status: 404 });
    },
  });
  return { origin: `http://127.0.0.1:${web.port}`, [Symbol.asyncDispose]: () => web.stop(true) };
}

test("own-users.mjs admits a user without an account", async () => {
  await using server = await startTestServer();
  const { written, ended } = start([...js, "own-users.mjs", "alice", "hello"], server, {
    SECRET_KEY: SECRET,
  });
  expect({ code: await ended, ...written }).toEqual({
    code: 0,
    stdout: 'alice sent "hello", stored as 1; 999 of 1000 requests left\n',
    stderr: "",
  });
  const foreign = start([...js, "own-users.mjs"], server, { SECRET_KEY: "another key, that is long enough" });
  expect(await foreign.ended).toBe(1);
  expect(foreign.written.stderr).toContain("unauthorized");
});

test("survive-a-cut.mjs passes with faults enabled, and names the missing setting otherwise", async () => {
  await using server = await startTestServer({ env: { TEST_FAULTS: "true", HANDSHAKES_PER_MINUTE: "0" } });
  await using plain = await startTestServer();
  const command = [...js, "survive-a-cut.mjs"];
  const [cut, whole] = await Promise.all(
    [server, plain].map(async (each) => {
      const run = start(command, each, { PARLEY_TOKEN: await each.token("tester", { plan: "premium" }) });
      return { code: await run.ended, ...run.written };
    }),
  );
  expect(cut).toEqual({ code: 0, stdout: "passed: 20 messages in order, 2 cuts\n", stderr: "" });
  expect(whole!.code).toBe(1);
  expect(whole!.stderr).toContain("The server injects no faults (not_found)");
});

test.skipIf(python === undefined)("listen.py prints messages, and resumes after a cut", async () => {
  await using server = await startTestServer();
  await using proxy = await FaultProxy.start();
  proxy.target = server.port;
  const env = { PARLEY_URL: `http://127.0.0.1:${proxy.port}` };
  const { child, written, ended } = start([python!, "listen.py", "lobby"], server, env);
  const lines = () => written.stdout.split("\n").filter((line) => line !== "");
  const received = () => lines().map((line) => JSON.parse(line).text);
  await waitUntil("it listens", () => written.stderr.includes("listening after 0"));
  await postMessage(server, "ann", "one");
  await waitUntil("it received one", () => received().length === 1);
  for (const line of proxy.connections) line.reset();
  await postMessage(server, "ann", "two");
  await waitUntil("it received two", () => received().length === 2);
  expect(received()).toEqual(["one", "two"]);
  expect(written.stderr).toContain("disconnected (1006), reconnecting in");
  child.kill("SIGTERM");
  await ended;
});

test("each example has a test", () => {
  const skipped = [
    ...(python === undefined ? ["listen.py"] : []),
    ...(Bun.which("jq") === null ? ["chat.sh"] : []),
    ...(Bun.which("jq") === null || Bun.which("curl") === null ? ["talk.sh"] : []),
  ];
  // agents.test.ts runs these.
  const agents = ["agent-http.py", "agent.mjs", "agent.py"];
  // backend.test.ts runs those of this folder.
  const others = EXAMPLES.filter((name) => !name.startsWith("backend/"));
  expect([...ran, ...skipped, ...agents].sort()).toEqual(others);
});

test("an example that needs a token says so when it has none", async () => {
  const files = ["agent.mjs", "echo-bot.mjs", "survive-a-cut.mjs"].map((name) => [...js, name]);
  if (python !== undefined) files.push(...["agent.py", "agent-http.py"].map((name) => [python!, name]));
  const ends = files.map(async (command) => {
    const child = Bun.spawn([...command, "ann", "lobby"], {
      ...{ cwd: folder, env: { PATH: process.env.PATH ?? "" }, stdout: "ignore", stderr: "pipe" },
    });
    return [await new Response(child.stderr).text(), await child.exited];
  });
  for (const [at, end] of (await Promise.all(ends)).entries())
    expect([files[at]!.at(-1), ...end]).toEqual([
      files[at]!.at(-1),
      expect.stringMatching(/(^|Error: |error: )Set PARLEY_TOKEN\.\n/),
      1,
    ]);
});

test("`parley examples` lists them with a line each, prints one, and rejects unknown names", async () => {
  await using parley = new ParleyFolder();
  const [list, one, short, json, other] = await Promise.all(
    [[], ["talk.sh"], ["echo-bot"], ["--json"], ["talks.sh"]].map((args) =>
      parley.run(["examples", ...args]),
    ),
  );
  expect(list).toMatchObject({ code: 0, stderr: "" });
  for (const name of EXAMPLES)
    expect(list!.stdout).toMatch(new RegExp(`^${name.replace(".", "\\.")} +\\w.{10,110}$`, "m"));
  expect(one).toEqual({
    code: 0,
    stderr: "",
    stdout: await Bun.file(join(EXAMPLES_FOLDER, "talk.sh")).text(),
  });
  expect(short!.stdout).toContain('from "parley/client"');
  expect(JSON.parse(json!.stdout)).toHaveLength(EXAMPLES.length);
  expect(other).toMatchObject({ code: 2, stdout: "" });
  expect(other!.stderr).toContain('There is no example "talks.sh". Did you mean talk.sh?');
});
