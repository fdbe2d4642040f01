// Runs the commands of OPERATIONS.md as printed, in the order of an operator's year: watch, back up, restore, move to Redis; and go back
// to an older version.
import { expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MAIN, ParleyFolder, type Running } from "../cli/parley-folder.ts";
import { MESSAGES, storeFile } from "../engine/sqlite/upgrades/stores.ts";
import { startRedis } from "../support/redis/redis-server.ts";
import { blocksOf, readPage, sectionOf } from "./pages.ts";

const PAGE = readPage("docs/OPERATIONS.md");

/** The commands under a heading, without comments. */
function commands(heading: string): string[] {
  return blocksOf(sectionOf(PAGE, heading))
    .flatMap(({ text }) => text.split("\n"))
    .map((line) => line.replace(/ +#.*$/, ""))
    .filter((line) => line.startsWith("npx parley "));
}

/** The command that begins with these words. */
function command(heading: string, words: string, without = "\0"): string {
  const found = commands(heading).find((line) => line.startsWith(words) && !line.includes(without));
  if (found === undefined) throw new Error(`${heading} has no command "${words}".`);
  return found;
}

async function stop({ process }: Running): Promise<void> {
  process.kill("SIGTERM");
  expect(await process.exited).toBe(0);
}

/** Puts what `npx` finds where the package is installed into the folder. */
function installNpx(folder: ParleyFolder): void {
  mkdirSync(join(folder.path, "bin"));
  folder.write("bin/npx", `#!/bin/sh\nshift\nexec "${process.execPath}" --no-env-file "${MAIN}" "$@"\n`);
  chmodSync(join(folder.path, "bin/npx"), 0o755);
}

/** Runs a text in a shell, as an operator would paste it. */
async function paste(folder: ParleyFolder, text: string, env: Record<string, string>) {
  const shell = Bun.spawn(["bash", "-o", "pipefail", "-c", text], {
    cwd: folder.path,
    env: { PATH: `${folder.path}/bin:${process.env.PATH}`, HOME: folder.path, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(shell.stdout).text(),
    new Response(shell.stderr).text(),
    shell.exited,
  ]);
  return { stdout, stderr, code };
}

test("OP2 OP3 OP4 the commands to watch, back up, restore and move work as printed, one after the other", async () => {
  await using folder = new ParleyFolder();
  await using redis = await startRedis(["--appendonly", "yes", "--maxmemory-policy", "noeviction"]);
  const env = { RETENTION_MESSAGES: "0", RETENTION_DAYS: "0", DRAIN_SECONDS: "0" };
  installNpx(folder);
  const onThisMachine = (line: string) =>
    line
      .replaceAll("/var/backups", join(folder.path, "backups"))
      .replaceAll("redis://10.0.0.5:6379", redis.url);
  async function run(line: string): Promise<string> {
    const { stdout, stderr, code } = await paste(folder, onThisMachine(line), env);
    expect({ line, code, stderr: code === 0 ? "" : stderr }).toEqual({ line, code: 0, stderr: "" });
    return stdout;
  }
  async function talk({ url }: Running, text: string): Promise<void> {
    const options = { stdin: `${text}\n` };
    expect(await folder.run(["chat", "lobby", "--url", url, "--user", "user1"], options)).toMatchObject({
      code: 0,
    });
  }
  /** What a client sees that goes on with the token of the first start. */
  async function history({ url }: Running) {
    const headers = { Authorization: `Bearer ${token}` };
    const get = async (path: string) => (await fetch(`${url}${path}`, { headers })).json();
    const { epoch } = await get("/conversations/lobby");
    const { messages } = await get("/conversations/lobby/messages");
    return { epoch, texts: messages.map(({ text }: { text: string }) => text) };
  }

  let server = await folder.serve([], env);
  await talk(server, "first");
  const body = new URLSearchParams({ username: "user1", password: "password" });
  const signedIn = await fetch(`${server.url}/token`, { method: "POST", body });
  const { access_token: token } = (await signedIn.json()) as { access_token: string };
  expect(await run(command("## Watch", "npx parley top --once", "--json"))).toContain(
    "Every connection reads",
  );
  expect(JSON.parse(await run(command("## Watch", "npx parley top --once --json")))).toHaveProperty("node");
  await run(command("## Backup and restore", "npx parley backup "));
  await talk(server, "not in the backup");
  const before = await history(server);
  expect(before.texts).toEqual(["first", "not in the backup"]);
  await stop(server);

  await run(`${command("## Backup and restore", "npx parley restore ")} --replace`);
  server = await folder.serve([], env);
  const restored = await history(server);
  expect(restored.texts).toEqual(["first"]);
  expect(restored.epoch).not.toBe(before.epoch);
  await run(command("## Move to Redis", "npx parley migrate "));
  await stop(server);

  await run(`${command("## Move to Redis", "npx parley migrate ", "--dry-run")} --yes`);
  const key = readFileSync(join(folder.path, "data/secret.key"), "utf8").trim();
  server = await folder.serve([], { ...env, REDIS_URL: redis.url, SECRET_KEY: key });
  expect(await history(server)).toEqual(restored);
  await stop(server);
}, 120_000);

test("OP6 the commands to go back to the older version work as printed, also without parley.end, and change nothing while a server runs", async () => {
  await using folder = new ParleyFolder();
  installNpx(folder);
  const data = join(folder.path, "data");
  mkdirSync(data);
  writeFileSync(join(data, "parley.db"), Bun.gunzipSync(readFileSync(storeFile(14))));
  const printed = blocksOf(sectionOf(PAGE, "## Updating")).find(({ text }) => text.includes("newer"))!.text;
  const server = await folder.serve([], { DRAIN_SECONDS: "0" });
  const talk = ["chat", "lobby", "--url", server.url, "--user", "user1"];
  expect(await folder.run(talk, { stdin: "newer\n" })).toMatchObject({ code: 0 });
  async function textsOf({ url }: Running): Promise<string[]> {
    const signedIn = await fetch(`${url}/token`, {
      method: "POST",
      body: new URLSearchParams({ username: "user1", password: "password" }),
    });
    const { access_token } = (await signedIn.json()) as { access_token: string };
    const headers = { Authorization: `Bearer ${access_token}` };
    const page = await (await fetch(`${url}/conversations/lobby/messages`, { headers })).json();
    return (page as { messages: { text: string }[] }).messages.map(({ text }) => text);
  }
  const names = () => readdirSync(data).filter((name) => name.startsWith("parley") || name === "newer");
  const before = names();
  const early = await paste(folder, printed, {});
  expect(early.code).not.toBe(0);
  if (existsSync("/proc/self/fd")) {
    expect(early.stdout).toContain("Stop the server first.");
    expect(names()).toEqual(before);
  }
  await stop(server);
  // As after a crash of a server that had not written it yet.
  rmSync(join(data, "parley.end"));
  const { code, stdout, stderr } = await paste(folder, printed, {});
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("The new epoch is ");
  expect(readdirSync(join(data, "newer"))).toContain("parley.db");
  const back = await folder.serve([], { DRAIN_SECONDS: "0" });
  const texts = await textsOf(back);
  expect(texts).toHaveLength(MESSAGES.length);
  expect(texts).not.toContain("newer");
  await stop(back);
}, 60_000);
