// Makes the stores of earlier versions that the test of upgrades opens: `bun test/engine/sqlite/upgrades/make.ts [version …]`, in a clone
// with the whole history. Each is made by the server of that commit itself: it runs, a client talks to it, and it is stopped. What a server of
// that time did not know yet is left out, and `stores.json` says what is in each. A store that is there is not made again, so that it stays
// what the server of its time has written.
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MESSAGES, type OldStore, readStores, STORES_FILE, storeFile } from "./stores.ts";

/** The last commit that wrote each version of the tables. */
const COMMITS: Readonly<Record<number, string>> = {
  1: "b3814653",
  2: "4182ca48",
  3: "140d37d3",
  4: "0bdf5207",
  5: "133ea33c",
  6: "b079f023",
  7: "e3c72529",
  8: "1a5404be",
  9: "bd650675",
  10: "8a0a874e",
  11: "78b11cfd",
  12: "98bb8691",
  13: "2e016604",
  14: "827fc82e",
  15: "b306b296",
};

const ROOT = join(import.meta.dir, "../../../..");

async function make(version: number, commit: string): Promise<OldStore> {
  const folder = mkdtempSync(join(tmpdir(), "parley-old-"));
  try {
    await Bun.$`git -C ${ROOT} archive ${commit} | tar -x -C ${folder}`;
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const env = {
      ...{ PATH: process.env.PATH ?? "", HOME: folder, PORT: "0", DEMO_CONVERSATIONS: "false" },
      ...{ DATA_DIR: join(folder, "data"), BCRYPT_COST: "4" },
    };
    const start = (...args: string[]) =>
      Bun.spawn([process.execPath, "--no-env-file", "src/cli/main.ts", ...args], {
        ...{ cwd: folder, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
      });
    const run = async (...args: string[]) => {
      const command = start(...args);
      const text = await new Response(command.stdout).text();
      return (await command.exited) === 0 ? text : undefined;
    };
    const server = start("serve");
    const url = await addressOf(server.stderr);
    const token = (await run("token", "user1"))!.trim();
    const frames = await talk(`${url.replace("http", "ws")}/ws/user1/lobby?token=${token}`);
    const has = {
      ...frames,
      revoked: (await run("revoke", "--user", "user3")) !== undefined,
      member: (await run("conversation", "create", "team", "--member", "user2:owner")) !== undefined,
      apiKey: (await run("api-key", "add", "crm", "--rights", "read")) !== undefined,
      webhook: (await run("webhook", "add", "https://hooks.example.com/parley")) !== undefined,
    };
    server.kill("SIGTERM");
    await server.exited;
    const bytes = readFileSync(join(folder, "data/parley.db"));
    writeFileSync(storeFile(version), Bun.gzipSync(new Uint8Array(bytes), { level: 9 }));
    return { version, commit, ...has };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function addressOf(output: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of output) {
    text += decoder.decode(chunk, { stream: true });
    const url = /(http:\/\/127\.0\.0\.1:\d+)/.exec(text)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error(`The server ended: ${text}`);
}

type Frame = Readonly<Record<string, unknown>>;

/** Says the messages, and changes some where the server knows how. */
async function talk(target: string): Promise<Pick<OldStore, "marked" | "edited" | "erased" | "reacted">> {
  const socket = new WebSocket(target);
  const waiting: ((frame: Frame) => void)[] = [];
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(String(data)) as Frame;
    if (["welcome", "ack", "error", "history"].includes(String(frame.type))) waiting.shift()?.(frame);
  };
  const answer = () => new Promise<Frame>((resolve) => waiting.push(resolve));
  const ask = async (frame: Frame) => {
    const next = answer();
    socket.send(JSON.stringify(frame));
    const received = await next;
    if (received.type === "error" && frame.type === "message") throw new Error(JSON.stringify(received));
    return received.type !== "error";
  };
  await answer();
  for (const [i, message] of MESSAGES.entries()) await ask({ type: "message", id: `m${i + 1}`, ...message });
  socket.send(JSON.stringify({ type: "read", seq: 2 }));
  // The server replies in order; one that knows no `read` replies with an error.
  const marked = await ask({ type: "history" });
  if (!marked) await Bun.sleep(200);
  const edited = await ask({ type: "edit", seq: 1, text: "edited" });
  const erased = await ask({ type: "erase", seq: 2 });
  const reacted = await ask({ type: "react", seq: 3, reaction: "👍", on: true });
  socket.close();
  return { marked, edited, erased, reacted };
}

const chosen = process.argv.slice(2).map(Number);
const stores = readStores();
for (const [name, commit] of Object.entries(COMMITS)) {
  const version = Number(name);
  if (stores.some((store) => store.version === version) || (chosen.length > 0 && !chosen.includes(version)))
    continue;
  const made = await make(version, commit).catch((error) => void console.error(version, String(error)));
  if (made === undefined) continue;
  stores.push(made);
  console.log(made);
  stores.sort((one, other) => one.version - other.version);
  writeFileSync(STORES_FILE, `${JSON.stringify(stores, null, 2)}\n`);
}
