import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { FaultProxy } from "../delivery/fault-proxy.ts";
import { ROOT } from "../docs/pages.ts";
import { chromiumPath, openPage, startBrowser } from "../support/browser/browser.ts";
import { longTest } from "../support/long-test.ts";
import { readPackages } from "../support/packages.ts";
import { isLong } from "../support/random.ts";
import { startTestServer } from "../support/server/test-server.ts";
import { waitUntil } from "../support/time/wait-until.ts";

/** A user's program: it is type-checked against the published declarations, and run. */
const PROGRAM = `
import { connect, ParleyError, watchMessages, type Ack, type Message, type Status } from "parley/client";

declare const process: { env: Record<string, string | undefined> };
const { PARLEY = "", TOKEN = "" } = process.env;

const parley = connect({ url: PARLEY, token: async () => TOKEN });
const lobby = parley.conversation("lobby");
const states: Status["state"][] = [];
parley.status.subscribe((status) => states.push(status.state));
parley.quota.subscribe((quota) => quota?.remaining.toFixed());
watchMessages(lobby).getSnapshot().entries.map(({ key }) => key.length);
const messages: Message[] = [];
const reading = (async () => {
  for await (const message of lobby) if (messages.push(message) === 1) break;
})();
const sending = lobby.send("hello", { data: { kind: "greeting" } });
const ack: Ack = await sending;
await lobby.history();
if (messages.length > 0) await reading;
if (ack.id !== sending.id) throw new ParleyError("internal", "another message");
await parley.close();
console.log(ack.id === sending.id, ack.seq, states.join());
`;

/** The same in short, in plain JavaScript. */
const SCRIPT = `
import { connect } from "parley/client";

const parley = connect({ url: process.env.PARLEY, token: process.env.TOKEN });
const lobby = parley.conversation("lobby");
const { seq } = await lobby.send("hello");
const { messages } = await lobby.history();
console.log(messages[0].text, seq);
await parley.close();
`;

/** A page's script: the server's port follows the question mark, the token the hash. */
const PAGE = `
import { connect } from "/parley.js";

const parley = connect({ url: "http://127.0.0.1:" + location.search.slice(1), token: location.hash.slice(1) });
const lobby = parley.conversation("lobby");
globalThis.received = [];
lobby.on("message", ({ seq, text }) => globalThis.received.push(seq + " " + text));
globalThis.say = (text) => lobby.send(text);
lobby.status.subscribe(({ state }) => state === "live" && globalThis.received.length === 0 && lobby.send("hello", { id: "m1" }));
globalThis.work = () =>
  new Promise((resolve) => {
    const worker = new Worker("/worker.js", { type: "module" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.postMessage({ url: "http://127.0.0.1:" + location.search.slice(1), token: location.hash.slice(1) });
  });
`;

/** A worker's script: it receives the address to connect to, and posts the messages it receives. */
const WORKER = `
import { connect } from "/parley.js";

addEventListener("message", async ({ data: { url, token } }) => {
  const lobby = connect({ url, token }).conversation("lobby");
  lobby.on("message", ({ text }) => text === "from a worker" && postMessage(text));
  // Once it is live: an earlier message would be before its first place.
  lobby.status.subscribe(({ state }) => state === "live" && lobby.send("from a worker", { id: "w1" }));
});
`;

/** Compiler settings of a user's project: the usual ones, and declarations are checked too. */
const TSCONFIG = {
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    target: "ES2022",
    module: "NodeNext",
    moduleResolution: "NodeNext",
    lib: ["ES2022", "DOM"],
    types: [],
    outDir: "out",
  },
  files: ["program.mts"],
};

let tarball = "";

// Node 22 or newer may be installed; Deno seldom is. Both are also packages, of 100 MB each, which the long form unpacks once
// and keeps. The short form takes the node that is there, and no Deno, which reads the same `exports`.
const missing = isLong ? [...(nodeVersion("node") >= 22 ? [] : ["node@22.23.3"]), "deno@2.9.6"] : [];
const runtimes = join(ROOT, "node_modules/.cache", `parley-test-${missing.join("-")}`);

beforeAll(async () => {
  tarball = (await readPackages()).parley;
  if (missing.length === 0 || existsSync(runtimes)) return;
  // Unpacked elsewhere, and then moved into place at once, so that no process sees half of it.
  mkdirSync(dirname(runtimes), { recursive: true });
  const folder = mkdtempSync(`${runtimes}-`);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  run(["npm", "install", "--no-audit", "--no-fund", "--prefer-offline", ...missing], folder);
  try {
    renameSync(folder, runtimes);
  } catch (error) {
    if (!existsSync(runtimes)) throw error;
    rmSync(folder, { recursive: true });
  }
});

/** Runs a command that must succeed; returns its output. */
function run(command: string[], cwd: string, env: Record<string, string> = {}): string {
  const child = Bun.spawnSync(command, { cwd, env: { ...process.env, ...env } });
  if (!child.success) throw new Error(`${command.join(" ")}: ${child.stdout}${child.stderr}`);
  return child.stdout.toString();
}

describe("installed from the packed package, in an empty project", () => {
  const project = mkdtempSync(join(tmpdir(), "parley-project-"));
  afterAll(() => rmSync(project, { recursive: true }));

  test("a user's program is type-checked and compiled", () => {
    writeFileSync(
      join(project, "package.json"),
      JSON.stringify({ name: "empty", private: true, type: "module" }),
    );
    writeFileSync(join(project, "program.mts"), PROGRAM);
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify(TSCONFIG));
    install(project);
    // Only the package is there, so that the declarations cannot depend on anything else.
    expect(readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith("."))).toEqual([
      "parley",
    ]);
    run([join(ROOT, "node_modules/.bin/tsc"), "-p", "."], project);
  });

  test.each(["node", "bun", ...(isLong ? ["deno"] : [])])(
    "the program sends and receives a message on %s",
    async (runtime) => {
      await using server = await startTestServer();
      const child = Bun.spawn([...runnerOf(runtime), "out/program.mjs"], {
        cwd: project,
        env: { ...process.env, PARLEY: server.url, TOKEN: await server.token("ann") },
      });
      expect(await new Response(child.stdout).text()).toBe("true 1 idle,connecting,live,closed\n");
      expect(await child.exited).toBe(0);
    },
  );
});

// Like a user, with the package's own content: a wrong `exports`, or a file missing from the package, shows here.
describe.each([
  ["node", ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]],
  ["bun", [process.execPath, "add", "--ignore-scripts"]],
] as const)("added with the package manager of %s to an empty project", (runtime, add) => {
  longTest("the library sends and receives a message", async () => {
    await using server = await startTestServer();
    const project = mkdtempSync(join(tmpdir(), `parley-add-${runtime}-`));
    try {
      writeFileSync(join(project, "package.json"), JSON.stringify({ name: "empty", type: "module" }));
      run([...add, tarball], project);
      writeFileSync(join(project, "program.mjs"), SCRIPT);
      const child = Bun.spawn([...runnerOf(runtime), "program.mjs"], {
        cwd: project,
        env: { ...process.env, PARLEY: server.url, TOKEN: await server.token("ann") },
      });
      expect(await new Response(child.stdout).text()).toBe("hello 1\n");
      expect(await child.exited).toBe(0);
    } finally {
      rmSync(project, { recursive: true });
    }
  });
});

describe.skipIf(chromiumPath() === undefined)("in a page of another origin", () => {
  test("W2 the packed library works in chromium and in a worker, and reconnects after a cut", async () => {
    const folder = mkdtempSync(join(tmpdir(), "parley-page-"));
    run(["tar", "-xzf", tarball, "-C", folder, "--strip-components=1"], folder);
    const html = '<!doctype html><title>page</title><script type="module" src="/page.js"></script>';
    const page = Bun.serve({
      port: 0,
      routes: {
        "/": new Response(html, { headers: { "Content-Type": "text/html" } }),
        "/page.js": new Response(PAGE, { headers: { "Content-Type": "text/javascript" } }),
        "/worker.js": new Response(WORKER, { headers: { "Content-Type": "text/javascript" } }),
        "/parley.js": new Response(Bun.file(join(folder, "dist/client/index.js"))),
      },
    });
    const origin = `http://localhost:${page.port}`;
    await using server = await startTestServer({ env: { ALLOWED_ORIGINS: origin } });
    await using proxy = await FaultProxy.start();
    proxy.target = server.port;
    const browser = await startBrowser();
    try {
      await using watched = await openPage(browser, "about:blank");
      await watched.page.goto(`${origin}/?${proxy.port}#${await server.token("ann")}`);
      const received = () => watched.page.evaluate(() => (globalThis as { received?: string[] }).received);
      await waitUntil("the page has received it", async () => (await received())?.length === 1);
      for (const line of proxy.connections) line.reset();
      await watched.page.evaluate(() => (globalThis as unknown as { say(text: string): void }).say("again"));
      await waitUntil("the page has received both", async () => (await received())?.length === 2);
      expect(await received()).toEqual(["1 hello", "2 again"]);
      const work = () =>
        watched.page.evaluate(() => (globalThis as unknown as { work(): Promise<string> }).work());
      expect(await work()).toBe("from a worker");
    } finally {
      await browser.close();
      page.stop(true);
      rmSync(folder, { recursive: true });
    }
  });
});

/** Unpacks the tarball to where `npm install` and `bun add` would, without the server's dependencies, of which the library needs none. */
function install(project: string): void {
  const folder = join(project, "node_modules/parley");
  mkdirSync(folder, { recursive: true });
  run(["tar", "-xzf", tarball, "-C", folder, "--strip-components=1"], project);
  expect(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).name).toBe("parley");
}

/** The command line with which a runtime runs a file. The library needs the runtime's WebSocket. */
function runnerOf(runtime: string): string[] {
  if (runtime === "bun") return [process.execPath, "--no-env-file"];
  const fetched = join(runtimes, "node_modules/.bin", runtime);
  if (runtime === "deno") return [fetched, "run", "--quiet", "--allow-net", "--allow-env"];
  const node = existsSync(fetched) ? fetched : "node";
  // Node 20 has its WebSocket behind a flag.
  return nodeVersion(node) >= 22 ? [node] : [node, "--experimental-websocket"];
}

function nodeVersion(node: string): number {
  const child = Bun.spawnSync([node, "-p", "process.versions.node.split('.')[0]"]);
  return child.success ? Number(child.stdout.toString()) : 0;
}
