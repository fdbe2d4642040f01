// `parley top` as a process, beside a server under load: on a terminal, and for scripts.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { noNumbers } from "../../../src/cli/top/command.ts";
import { hashOfApiKey, newApiKey } from "../../../src/server/authentication/api-keys.ts";
import { GET_ACTIVITY } from "../../../src/server/http/routes/operator/activity-schema.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { freePort } from "../../support/free-port.ts";
import { startRedis } from "../../support/redis/redis-server.ts";
import { SECRET } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { ParleyFolder, type Running } from "../parley-folder.ts";
import { ParleyTerminal } from "../parley-terminal.ts";

const KEY = newApiKey();
const SETTINGS = { API_KEYS: `ops:${hashOfApiKey(KEY)}:manage`, PLANS: "free:0:0,basic:0:0,premium:0:0" };

let folder: ParleyFolder;
let server: Running;
let client: TestClient;
let load: ReturnType<typeof setInterval>;

beforeAll(async () => {
  folder = new ParleyFolder();
  server = await folder.serve([], SETTINGS);
  const body = new URLSearchParams({ username: "user3", password: "password" });
  const { access_token: token } = (await (
    await fetch(`${server.url}/token`, { method: "POST", body })
  ).json()) as { access_token: string };
  client = await TestClient.connect(`${server.url.replace("http", "ws")}/ws/user3/busy-room?token=${token}`);
  load = setInterval(() => client.send({ type: "message", text: "load" }), 100);
});
afterAll(async () => {
  clearInterval(load);
  await client[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

test("OP1 on the server's machine it needs no key: a page on the terminal, which keys and its size change, and which is gone at the end", async () => {
  await using terminal = new ParleyTerminal(folder, ["top", "--interval", "0.5"]);
  const { screen } = terminal;
  await terminal.shows(/^Messages +[1-9]/);
  await terminal.shows("[Nodes]");
  await terminal.shows(/^http:\/\/127\S+… +1 /);
  expect([screen.isFull, screen.hasCursor, screen.coloured]).toEqual([true, false, true]);
  terminal.type("\t");
  await terminal.shows(/^busy-room +\d/);
  terminal.type("\x1b[C");
  await terminal.shows(/^user3 .*100 %$/);
  terminal.resize(40);
  await terminal.shows(/^\[Users\] 3 of 5$/);
  terminal.type("q");
  expect(await terminal.ended).toBe(0);
  await waitUntil("the terminal is as before", () => !screen.isFull && screen.hasCursor);
  expect(terminal.lines.join("")).toBe("");
});

test("OP1 for scripts: one page, or JSON as the server answers it, from the folder or over HTTP", async () => {
  const local = await folder.run(["top", "--once", "--json"]);
  expect(local.stderr).toBe("");
  const { nodes, feed } = GET_ACTIVITY.answers[200].parse(JSON.parse(local.stdout));
  expect(nodes).toHaveLength(1);
  expect(nodes[0]!.busiest_conversations[0]!.conversation).toBe("busy-room");
  expect(feed).toEqual({ webhooks: [] });

  const remote = ["top", "--url", server.url];
  const env = { PARLEY_API_KEY: KEY };
  const [page, stream, ...refused] = await Promise.all([
    folder.run([...remote, "--once"], { env }),
    readLines([...remote, "--json", "--interval", "0.5"], env, 2),
    folder.run(remote, { env }),
    folder.run([...remote, "--once"]),
    folder.run([...remote, "--once"], { env: { PARLEY_API_KEY: newApiKey() } }),
  ]);
  expect(page.code).toBe(0);
  expect(page.stdout).toMatch(/^parley top {2}http:\/\/127/);
  expect(page.stdout).toMatch(/\nbusy-room +\d/);
  expect(page.stdout).not.toContain("\x1b");
  for (const line of stream) GET_ACTIVITY.answers[200].parse(JSON.parse(line));
  expect(refused.map(({ code }) => code)).toEqual([2, 2, 1]);
  expect(refused[0]!.stderr).toContain("add --once or --json");
  expect(refused[1]!.stderr).toContain("PARLEY_API_KEY");
});

test("OP1 a server that ends is said to be gone, with the last numbers, until it is back; SIGTERM gives the terminal back", async () => {
  const env = { PARLEY_API_KEY: KEY, NO_COLOR: "1" };
  await using terminal = new ParleyTerminal(folder, ["top", "--url", server.url, "--interval", "0.5"], env);
  const { screen } = terminal;
  await terminal.shows(/^Messages +[1-9]/);
  server.process.kill("SIGKILL");
  await terminal.shows(/not reachable since \d\d:\d\d:\d\d/);
  await terminal.shows(/^Messages +[1-9]/);
  await server.process.exited;
  server = await folder.serve([], { ...SETTINGS, PORT: new URL(server.url).port });
  await waitUntil("it is back", () => !terminal.lines.some((line) => line.includes("not reachable")));
  terminal.process.kill("SIGTERM");
  expect(await terminal.ended).toBe(143);
  await waitUntil("the terminal is as before", () => !screen.isFull && screen.hasCursor);
  expect(screen.coloured).toBe(false);
});

test("OP1 an answer of another form is refused by its field, and silence by all that it may mean", async () => {
  const activity = await fetch(`${server.url}/activity`, { headers: { authorization: `Bearer ${KEY}` } });
  const answer = (await activity.json()) as Record<string, unknown>;
  const answers: Record<string, object> = {
    "`nodes.0.url`": { ...answer, nodes: [{}] },
    "`nodes.0`": { ...answer, nodes: [null] },
    "`silent`": { at: 1, nodes: [] },
  };
  for (const [field, wrong] of Object.entries(answers)) {
    await using other = Bun.serve({ port: 0, fetch: () => Response.json(wrong) });
    const url = `http://127.0.0.1:${other.port}`;
    const ran = await folder.run(["top", "--url", url, "--once"], { env: { PARLEY_API_KEY: KEY } });
    expect([ran.code, ran.stdout]).toEqual([1, ""]);
    expect(ran.stderr).toStartWith(
      `parley: ${url} answers GET /activity in a form that this version does not know (${field}): `,
    );
  }
  expect(noNumbers([])).toContain("its disk is full");
});

test("OP1 where Redis is away the page says so, and has the numbers when it is back; --once ends with 1", async () => {
  const port = await freePort();
  const env = { REDIS_URL: `redis://127.0.0.1:${port}`, SECRET_KEY: SECRET };
  await using terminal = new ParleyTerminal(folder, ["top", "--interval", "0.5"], env);
  const once = await folder.run(["top", "--once"], { env });
  expect([once.code, once.stdout]).toEqual([1, ""]);
  expect(once.stderr).toContain(`store down: Redis at 127.0.0.1:${port}`);
  await terminal.shows(/^parley top {2}store down since \d\d:\d\d:\d\d: /);
  await using _redis = await startRedis([], port);
  await folder.serve([], env);
  await terminal.shows(/^Store +up/);
  terminal.type("q");
  expect(await terminal.ended).toBe(0);
});

/** Starts a command, reads some lines of its output, and ends it. */
async function readLines(args: string[], env: Record<string, string>, count: number): Promise<string[]> {
  const command = folder.start(args, env);
  let text = "";
  for await (const chunk of command.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.split("\n").length > count) break;
  }
  command.kill("SIGTERM");
  expect(await command.exited).toBe(143);
  return text.split("\n").slice(0, count);
}
