import { RedisAccounts } from "../../../../src/engine/redis/accounts/accounts.ts";
import { RedisApiKeys } from "../../../../src/engine/redis/accounts/api-keys.ts";
import { RedisRevocations } from "../../../../src/engine/redis/accounts/revocations.ts";
import { RedisSigningKeys } from "../../../../src/engine/redis/accounts/signing-keys.ts";
import type { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { ControlStream } from "../../../../src/engine/redis/control-stream.ts";
import { RedisWebhooks } from "../../../../src/engine/redis/feed/webhooks.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import type { ManualClock } from "../../../support/time/manual-clock.ts";
import { age, freshPrefix, type RealRedis } from "./real-redis.ts";

/** A node's ports that share changes with other nodes, and the stream through which they do. */
export class TestSharedPorts {
  readonly log = new RecordedLog();
  readonly control: ControlStream;
  readonly accounts: RedisAccounts;
  readonly apiKeys: RedisApiKeys;
  readonly webhooks: RedisWebhooks;
  readonly revocations: RedisRevocations;
  readonly signingKeys: RedisSigningKeys;

  private constructor(
    readonly client: RedisClient,
    clock: ManualClock,
  ) {
    this.control = new ControlStream(client, clock, this.log.emit);
    this.accounts = new RedisAccounts(client, this.control, this.log.emit);
    this.apiKeys = new RedisApiKeys(client, this.control);
    this.webhooks = new RedisWebhooks(client, this.control);
    this.revocations = new RedisRevocations(client, this.control, this.log.emit);
    this.signingKeys = new RedisSigningKeys(client);
  }

  static async open(redis: RealRedis, prefix: string, clock: ManualClock): Promise<TestSharedPorts> {
    const node = new TestSharedPorts(await redis.connect(prefix), clock);
    await node.control.start();
    return node;
  }

  async close(): Promise<void> {
    this.control.close();
    await this.client.close();
  }
}

/** What a contract suite needs of such a port: the port, one on another node, and both again later. */
export async function openSubject<
  P extends "accounts" | "apiKeys" | "webhooks" | "revocations" | "signingKeys",
>(port: P, redis: RealRedis, clock: ManualClock) {
  const prefix = freshPrefix();
  const first = await TestSharedPorts.open(redis, prefix, clock);
  const nodes = [first];
  const open = async () => {
    const node = await TestSharedPorts.open(redis, prefix, clock);
    nodes.push(node);
    return node[port];
  };
  const close = async () => {
    for (const node of nodes.splice(0)) await node.close();
  };
  return {
    subject: first[port],
    openOther: open,
    async reopen() {
      await close();
      return open();
    },
    async pass(milliseconds: number) {
      await age(nodes[0]!.client, milliseconds);
      clock.advance(milliseconds);
      for (const node of nodes) await node.control.poll();
    },
    close,
  };
}
