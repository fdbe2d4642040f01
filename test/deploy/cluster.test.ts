import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { join } from "node:path";
import { startBalancer } from "../../deploy/balancer.ts";
import { freePort } from "../support/free-port.ts";
import { longTest } from "../support/long-test.ts";

test("npm run cluster prints an address behind which three nodes reply, and leaves no process and no file behind", async () => {
  const cluster = Bun.spawn(
    [process.execPath, "--no-env-file", join(import.meta.dir, "../../deploy/cluster.ts")],
    {
      env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", PORT: "0", BCRYPT_COST: "4" },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  const text = await readUntil(cluster.stdout, "npx parley nodes");
  const page = /Console +(\S+)\/ /.exec(text)?.[1];
  const pids = [...text.matchAll(/ pid (\d+)$/gm)].map(([, pid]) => Number(pid));
  expect(pids).toHaveLength(4);
  for (let i = 0; i < 6; i++) expect((await fetch(`${page}/readyz`)).status).toBe(200);

  // As after Ctrl+C under npm, which forwards the signal that the terminal has already sent.
  cluster.kill("SIGINT");
  cluster.kill("SIGINT");
  expect(await cluster.exited).toBe(0);
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});

longTest(
  "the balancer alternates between the nodes, skips a missing one, and forwards both directions",
  async () => {
    const nodes = await Promise.all(
      ["one", "two"].map(async (name) => {
        const server = createServer((socket) => {
          socket.on("error", () => {});
          socket.on("data", (data) => socket.end(`${name} received ${data}`));
        });
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        const address = server.address();
        if (address === null || typeof address === "string") throw new Error("no port");
        return { server, port: address.port };
      }),
    );
    const ports = [nodes[0]!.port, await freePort(), nodes[1]!.port];
    const balancer = await startBalancer(0, ports);
    const answers: string[] = [];
    for (let i = 0; i < 4; i++) answers.push(await request(balancer.port, `${i}`));
    expect(answers).toEqual(["one received 0", "two received 1", "one received 2", "two received 3"]);
    for (const { server } of nodes) await new Promise((resolve) => server.close(resolve));
    expect(await request(balancer.port, "anybody?")).toBe("");
    await balancer.close();
  },
);

async function readUntil(stream: ReadableStream<Uint8Array>, words: string): Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  for (let text = ""; ; ) {
    const { done, value } = await reader.read();
    text += decoder.decode(value, { stream: true });
    if (text.includes(words)) return text;
    if (done) throw new Error(`It ended: ${text}`);
  }
}

function request(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => void socket.write(text),
        data: (_, data) => {
          answer += data.toString();
        },
        close: () => resolve(answer),
        error: (_, error) => reject(error),
      },
    }).catch(reject);
  });
}
