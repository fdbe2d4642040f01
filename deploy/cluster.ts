// npm run cluster: Redis, three nodes and a balancer on this machine, to inspect, to use and to kill. All processes and
// files are removed after Ctrl+C. PORT is the balancer's, unless set 8000 or, where that is taken, any free one; other settings in the environment are the
// nodes'.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { RUNTIME_FLAGS } from "../bin/runtime-flags.mjs";
import { escapeControlChars } from "../src/core/escape-control-chars.ts";
import { startBalancer } from "./balancer.ts";

type Program = Bun.Subprocess<"ignore", "pipe", "pipe">;

const NODES = 3;
const MAIN = join(import.meta.dir, "../src/cli/main.ts");
const folder = mkdtempSync(join(tmpdir(), "parley-cluster-"));
const secret = process.env.SECRET_KEY ?? randomBytes(32).toString("base64");
const [redisPort = 0, ...nodePorts] = await freePorts(1 + NODES);
const running = new Map<string, Program>();

if (Bun.which("redis-server") === null) {
  console.error("redis-server is not installed: apt install redis-server, or brew install redis");
  process.exit(1);
}
const { PORT } = process.env;
const usual = startBalancer(Number(PORT ?? 8000), nodePorts);
const another = (error: NodeJS.ErrnoException) => {
  if (PORT !== undefined || error.code !== "EADDRINUSE") throw error;
  return startBalancer(0, nodePorts);
};
const balancer = await usual.catch(another).catch((error) => {
  console.error(`The balancer cannot listen (${error.code}). Choose another port: PORT=8100 npm run cluster`);
  process.exit(1);
});
const page = `http://127.0.0.1:${balancer.port}`;
// Ctrl+C may come twice: from the terminal, and from npm that passes it on.
let stopping: Promise<void> | undefined;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => (stopping ??= stop()));
process.on("exit", () => {
  for (const program of running.values()) program.kill("SIGKILL");
});

startRedis();
for (let node = 1; node <= NODES; node++) startNode(node);
while (!(await areReady())) await Bun.sleep(100);
console.log(help());
createInterface({ input: process.stdin }).on("line", (line) => {
  const word = line.trim();
  const name = word === "r" ? "redis" : `node ${word}`;
  if (running.has(name)) console.log(`${name} is running.`);
  else if (word === "r") startRedis();
  else if (/^[1-3]$/.test(word)) startNode(Number(word));
  else if (word !== "") console.log(help());
});

function startRedis(): void {
  const options = ["--bind", "127.0.0.1", "--appendonly", "yes", "--save", "", "--loglevel", "warning"];
  start("redis", ["redis-server", "--port", `${redisPort}`, "--dir", folder, ...options], {});
}

function startNode(node: number): void {
  start(`node ${node}`, [process.execPath, ...RUNTIME_FLAGS, MAIN, "serve"], {
    HOST: "127.0.0.1",
    PORT: `${nodePorts[node - 1]}`,
    REDIS_URL: "",
    REDIS_HOST: "127.0.0.1",
    REDIS_PORT: `${redisPort}`,
    SECRET_KEY: secret,
    // A page comes from the balancer, which is not the origin that a node takes for its own.
    ALLOWED_ORIGINS: `${page},http://localhost:${balancer.port}`,
    DRAIN_SECONDS: "2",
    LOG_FORMAT: "json",
  });
}

function start(name: string, command: string[], settings: Record<string, string>): void {
  const program = Bun.spawn(command, {
    cwd: folder,
    env: { ...process.env, ...settings },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    // Ctrl+C goes to this program, which stops the others.
    detached: true,
  });
  running.set(name, program);
  void forwardOutput(name, program.stdout);
  // The start text of a node describes one node; here it is printed once, for all.
  void forwardOutput(name, program.stderr, (line) => line.startsWith("parley: "));
  void program.exited.then((code) => {
    running.delete(name);
    console.log(`${name} has ended (${program.signalCode ?? code}).`);
  });
}

async function forwardOutput(
  name: string,
  output: ReadableStream<Uint8Array>,
  isWanted = (_line: string) => true,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of output) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (isWanted(line)) console.log(`${name} | ${escapeControlChars(line)}`);
  }
}

async function areReady(): Promise<boolean> {
  const answers = nodePorts.map((port) => fetch(`http://127.0.0.1:${port}/readyz`).then(({ ok }) => ok));
  return (await Promise.all(answers.map((answer) => answer.catch(() => false)))).every(Boolean);
}

function help(): string {
  const pid = (name: string) => running.get(name)?.pid ?? "not running";
  const nodes = nodePorts.map((port, index) => {
    const name = `node ${index + 1}`;
    return `  ${name}      http://127.0.0.1:${port}   pid ${pid(name)}`;
  });
  return `
Three nodes of Parley behind one address. Ctrl+C stops and removes them all.

  Console     ${page}/   (user1, user2, user3; password: password)
${nodes.join("\n")}
  redis       127.0.0.1:${redisPort}          pid ${pid("redis")}

Try:
  open the console in two tabs, sign in as two users, talk: they are on different nodes
  kill -9 ${pid("node 2")}          a node dies; its clients reconnect to another; 2 and Enter starts it again
  kill ${pid("node 1")}             a node is stopped in order, as for an update; 1 and Enter starts it again
  kill -9 ${pid("redis")}          Redis dies: "degraded"; r and Enter starts it again with its data
  REDIS_HOST=127.0.0.1 REDIS_PORT=${redisPort} npx parley nodes
`;
}

async function stop(): Promise<void> {
  console.log("Stopping …");
  const nodes = [...running].filter(([name]) => name !== "redis").map(([, program]) => program);
  for (const program of nodes) program.kill("SIGTERM");
  await Promise.race([Promise.all(nodes.map(({ exited }) => exited)), Bun.sleep(10_000)]);
  for (const program of running.values()) program.kill("SIGKILL");
  await Promise.all([...running.values()].map(({ exited }) => exited));
  await balancer.close();
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
}

/** Ports that are free now; held until all are found, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const probes = await Promise.all(
    Array.from({ length: count }, async () => {
      const probe = createServer();
      await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
      return probe;
    }),
  );
  return Promise.all(
    probes.map(async (probe) => {
      const address = probe.address();
      await new Promise((resolve) => probe.close(resolve));
      return address === null || typeof address === "string" ? 0 : address.port;
    }),
  );
}
