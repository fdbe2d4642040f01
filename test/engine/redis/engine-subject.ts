import { KEEP_ALL } from "../../../src/core/retention.ts";
import { Channels } from "../../../src/engine/redis/channels.ts";
import type { RedisClient } from "../../../src/engine/redis/client.ts";
import { RedisEngine, type RedisEngineParts } from "../../../src/engine/redis/engine.ts";
import type { OpenEngine } from "../../contracts/engine/subject.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { RecordedLog } from "../../support/recorded-log.ts";
import { freshPrefix, type RealRedis } from "./real-redis.ts";

/** An engine with connections of its own, as each node has one. */
export interface TestNode extends AsyncDisposable {
  readonly engine: RedisEngine;
  readonly client: RedisClient;
  /** For what it does every few seconds. */
  readonly clock: ManualClock;
  readonly log: RecordedLog;
}

/** Opens the engine of one more node. */
export async function openNode(
  redis: RealRedis,
  prefix: string,
  parts: Partial<RedisEngineParts> = {},
): Promise<TestNode> {
  const client = await redis.connect(prefix);
  const channels = new Channels(client);
  const log = new RecordedLog();
  const clock = new ManualClock();
  const engine = await RedisEngine.open({
    client,
    channels,
    log,
    retention: KEEP_ALL,
    ackAfter: "primary",
    clock,
    ...parts,
  });
  return {
    engine,
    client,
    clock,
    log,
    async [Symbol.asyncDispose]() {
      await engine.close();
      channels.close();
      await client.close();
    },
  };
}

/** The engine as the contract suite opens it: each test with a prefix of its own. */
export function contractSubject(redis: RealRedis): OpenEngine {
  return async (clock, retention) => {
    const prefix = freshPrefix();
    const open = () => openNode(redis, prefix, { clock, time: clock, retention });
    let opened = await open();
    const close = async () => opened[Symbol.asyncDispose]();
    return {
      engine: opened.engine,
      async reopen() {
        await close();
        opened = await open();
        return opened.engine;
      },
      clean: () => opened.engine.clean(),
      close,
    };
  };
}
