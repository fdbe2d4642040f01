import { expect, test } from "bun:test";
import { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { Keys } from "../../../../src/engine/redis/connection/keys.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import { startRedisCluster } from "../../../support/redis/cluster.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { TIMEOUT_MS, waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix } from "../support/real-redis.ts";
import { TestNode } from "../support/test-node.ts";

/** As PRIMARY_PROBE_INTERVAL_MS of src/engine/redis/connection/probes/primary-probes.ts. */
const INTERVAL_MS = 500;

test("L3 while a primary of a Cluster is gone and the others serve, a node is ready, but not every conversation can be written", async () => {
  // Without full coverage the others serve their slots while one primary is gone.
  const options = ["--cluster-require-full-coverage", "no", "--appendonly", "yes", "--appendfsync", "always"];
  await using cluster = await startRedisCluster({ options });
  const keys = new Keys(freshPrefix());
  const primary = cluster.nodes.at(-1)!;
  const fits = (owner: unknown) => owner !== primary;
  // The channel on which the node's own probe comes back.
  const node = await cluster.findName(
    (i) => `node-${i}`,
    (name) => keys.probeChannel(name),
    fits,
  );
  const hosts = cluster.nodes.map(({ port }) => ({ host: "127.0.0.1", port }));
  const address = { kind: "cluster", hosts, tls: false, database: 0 } as const;
  const client = new RedisClient({ address, keys, node, clock: systemClock(), emit: new RecordedLog().emit });
  expect(await client.start(TIMEOUT_MS)).toBe(true);
  await using opened = await TestNode.open(client);
  const { engine, clock, log } = opened;
  const events = () => log.entries.filter(({ event }) => /partly_unavailable|all_writable/.test(event));
  const probe = (holds: () => boolean) => () => {
    clock.advance(INTERVAL_MS);
    return holds();
  };
  expect(engine.allWritable()).toBe(true);

  await primary.kill();
  await waitUntil(
    "the missing primary is noticed",
    probe(() => !engine.allWritable()),
  );
  await waitUntil("the node is ready", () => engine.ready());
  expect(engine.allWritable()).toBe(false);
  expect(events()[0]).toEqual({
    level: "error",
    event: "store.partly_unavailable",
    fields: { store: client.description, problems: [expect.stringContaining(`127.0.0.1:${primary.port}: `)] },
  });

  await primary.restart();
  await waitUntil(
    "all can be written",
    probe(() => engine.allWritable()),
  );
  expect(events().at(-1)).toEqual({
    level: "info",
    event: "store.all_writable",
    fields: { store: client.description },
  });
});
