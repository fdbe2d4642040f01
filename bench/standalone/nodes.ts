// The cost of another node, and the load at which Redis is the limit: `bun bench/standalone/nodes.ts`. Echo as in the
// case `echo`, over one, two and three nodes on one Redis. All nodes share the server's core, Redis and the load
// generator the other, so with two cores this shows Redis's CPU for a message and not the rate of nodes on machines of
// their own.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildGenerator, type TrafficResult } from "../load-generator.ts";
import { startParley } from "../peers/parley.ts";
import { startPinnedRedis } from "../peers/redis.ts";

const CONVERSATIONS = 120;
const MAX_NODES = 3;
const DURATION_S = 4;

const folder = mkdtempSync(join(tmpdir(), "parley-nodes-"));
try {
  const load = await buildGenerator(folder);
  for (let count = 1; count <= MAX_NODES; count++) {
    await using redis = await startPinnedRedis(folder);
    await using stack = new AsyncDisposableStack();
    const nodes = [];
    for (let n = 0; n < count; n++) {
      const own = mkdtempSync(join(folder, "node-"));
      const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}` };
      nodes.push(stack.use(await startParley({ members: 1, folder: own }, env)));
    }
    const results = (await Promise.all(
      nodes.map(({ port, pid, target }, n) =>
        load.run({
          scenario: "traffic",
          protocol: "parley",
          port,
          pid,
          storePid: redis.pid,
          paths: Array.from({ length: CONVERSATIONS / count }, (_, i) => target(`u${n}-${i}`, `c${n}-${i}`)),
          roomSize: 1,
          inFlight: 8,
          textBytes: 64,
          warmUp: 2,
          seconds: DURATION_S,
        }),
      ),
    )) as TrafficResult[];
    const rate = results.reduce((sum, { answered, seconds }) => sum + answered / seconds, 0);
    const redisBusy = results.reduce((sum, { storeBusy }) => sum + storeBusy, 0) / count;
    const nodesBusy = results.reduce((sum, { serverBusy }) => sum + serverBusy, 0);
    const deviations = results.reduce(
      (sum, { lost, doubled, outOfOrder }) => sum + lost + doubled + outOfOrder,
      0,
    );
    console.log(
      `${count} ${count === 1 ? "node" : "nodes"}: ${(rate / 1000).toFixed(1)} k acked/s; a message costs Redis ${((redisBusy / rate) * 1e6).toFixed(1)} µs and the nodes ${((nodesBusy / rate) * 1e6).toFixed(1)} µs; Redis ${Math.round(redisBusy * 100)} %, nodes ${Math.round(nodesBusy * 100)} % of a core; ${deviations} lost, doubled or out of order`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
