import type { Entry } from "../../../../src/core/conversation/entry.ts";
import { UNLIMITED_RETENTION } from "../../../../src/core/conversation/retention.ts";
import type { PostResult } from "../../../../src/core/ports/message-log.ts";
import type { RunOnOneNode } from "../../../../src/core/ports/shared-tasks.ts";
import { Channels } from "../../../../src/engine/redis/connection/channels.ts";
import { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { Keys } from "../../../../src/engine/redis/connection/keys.ts";
import { RedisEngine, type RedisEngineDeps } from "../../../../src/engine/redis/engine.ts";
import { recover } from "../../../../src/engine/redis/recovery.ts";
import { redisTasks } from "../../../../src/engine/redis/shared-tasks.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import type { OpenEngine } from "../../../contracts/engine/subject.ts";
import { type MessageFields, messageContent } from "../../../support/entries.ts";
import type { TestRedis } from "../../../support/redis/redis-server.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { TIMEOUT_MS } from "../../../support/time/wait-until.ts";
import { freshPrefix, type RealRedis } from "./real-redis.ts";

/** For a node that never gets the lease of a task, so that a test which moves its clock has no rounds of retention and erasing. */
export const NO_SHARED_TASKS: RunOnOneNode = () => async () => {};

/** An engine with connections of its own, as each node has one. */
export class TestNode implements AsyncDisposable {
  private constructor(
    readonly engine: RedisEngine,
    readonly client: RedisClient,
    private readonly channels: Channels,
    /** The timers of the node. */
    readonly clock: ManualClock,
    readonly log: RecordedLog,
  ) {}

  static async open(client: RedisClient, deps: Partial<RedisEngineDeps> = {}): Promise<TestNode> {
    const channels = new Channels(client);
    const log = new RecordedLog();
    const clock = new ManualClock();
    const engine = new RedisEngine({
      client,
      channels,
      emit: log.emit,
      retention: UNLIMITED_RETENTION,
      ackAfter: "primary",
      clock,
      runOnOneNode: redisTasks({ client, clock, emit: log.emit }),
      ...deps,
    });
    await engine.begin();
    client.onRecovery(() => recover({ channels, engine }));
    return new TestNode(engine, client, channels, clock, log);
  }

  post(id: string, { text = id, data, ...fields }: MessageFields = {}): Promise<PostResult> {
    const content = messageContent(text, data);
    return new Promise((resolve) =>
      this.engine.post({ conversation: "room", user: "anna", limit: 0, ...fields, id, ...content }, resolve),
    );
  }

  /** Posts messages called `<from>`, … `<to>`, as one batch. */
  async fill(from: number, to: number, fields: MessageFields = {}): Promise<void> {
    const ids = Array.from({ length: to - from + 1 }, (_, i) => String(from + i));
    for (const result of await Promise.all(ids.map((id) => this.post(id, fields))))
      if (result.outcome !== "stored") throw new Error(`not stored: ${JSON.stringify(result)}`);
  }

  /** Subscribes, and records the entries that are delivered. */
  async subscribe(conversation = "room"): Promise<Entry[]> {
    const received: Entry[] = [];
    await this.engine.subscribe(conversation, (_, entry) => received.push(entry));
    return received;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.close();
    this.channels.close();
    await this.client.close();
  }
}

/** A client at a Redis that a test ends and starts again. */
export async function connectTo(
  { port }: TestRedis,
  prefix: string,
  log = new RecordedLog(),
): Promise<RedisClient> {
  const client = new RedisClient({
    address: { kind: "standalone", hosts: [{ host: "127.0.0.1", port }], tls: false, database: 0 },
    keys: new Keys(prefix),
    node: crypto.randomUUID(),
    clock: systemClock(),
    emit: log.emit,
  });
  if (await client.start(TIMEOUT_MS)) return client;
  throw new Error(`Redis does not reply: ${client.lastErrorText}`);
}

/** The numbers from `first` to `last`. */
export const numbers = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** The engine as the contract suite opens it: each test with a prefix of its own. */
export function contractSubject(redis: RealRedis): OpenEngine {
  return async (clock, retention) => {
    const prefix = freshPrefix();
    const open = async () => TestNode.open(await redis.connect(prefix), { clock, time: clock, retention });
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
