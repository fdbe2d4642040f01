// Two nodes of one Redis, of which that which sends webhooks is killed, and a receiver that is away while many messages come.
import { expect, test } from "bun:test";
import { hashOfApiKey, newApiKey } from "../../src/server/authentication/api-keys.ts";
import { NodeProcesses } from "../cli/node-processes.ts";
import { isLong } from "../support/random.ts";
import { startRedisCluster } from "../support/redis/cluster.ts";
import { withRedis } from "../support/redis/connection.ts";
import { startRedis } from "../support/redis/redis-server.ts";
import { startSentinel } from "../support/redis/sentinel.ts";
import { TEST_SECRET } from "../support/server/tokens.ts";
import { createPause, waitUntil } from "../support/time/wait-until.ts";
import { WebhookReceiver } from "../support/webhook-receiver.ts";

const MESSAGES = isLong ? 100_000 : 600;
const CONVERSATIONS = isLong ? 100 : 15;
const EACH = MESSAGES / CONVERSATIONS;

/** Most messages of one request. */
const BATCH = 100;

/** How long all messages may take to come, in milliseconds. */
const DELIVERY_MS = isLong ? 3_000_000 : 120_000;

const LEASE_KEY = "parley:{all}:task:webhooks:lease";
const KEY = newApiKey();

/** The Redis of a run. */
interface Shared {
  readonly url: string;
  /** The port on which the lease of the sender is. */
  port(): Promise<number>;
  /** Ends the Redis that has the lease with kill -9, and resolves when its replica has taken over. */
  readonly failOver?: () => Promise<unknown>;
  readonly close: AsyncDisposable;
}

async function openAlone(): Promise<Shared> {
  const redis = await startRedis();
  return { url: redis.url, port: async () => redis.port, close: redis };
}

async function openSentinel(): Promise<Shared> {
  const sentinel = await startSentinel();
  return {
    url: sentinel.url,
    port: async () => (await sentinel.primary()).port,
    failOver: async () => {
      await sentinel.waitForReplica("parley-test-written");
      await sentinel.killPrimary();
    },
    close: sentinel,
  };
}

async function openCluster(): Promise<Shared> {
  const cluster = await startRedisCluster({ replicas: 1 });
  return {
    url: cluster.url,
    // The others answer with an error that names the right one.
    port: () =>
      Promise.any(
        cluster.nodes.map(({ port }) =>
          withRedis(port, async (client) => {
            await client.get(LEASE_KEY);
            return port;
          }),
        ),
      ),
    failOver: () => cluster.killPrimary(LEASE_KEY),
    close: cluster,
  };
}

const SUBJECTS = isLong
  ? [
      { kind: "Redis with Sentinel", open: openSentinel },
      { kind: "Redis Cluster", open: openCluster },
    ]
  : [{ kind: "one Redis", open: openAlone }];

for (const { kind, open } of SUBJECTS)
  test(
    `EV2 a receiver that was away gets all, in order, over two kills of the sending node and a failover, and doubled only under the same id (${kind})`,
    async () => {
      const redis = await open();
      await using _redis = redis.close;
      await using nodes = await NodeProcesses.start(2, () => ({
        REDIS_URL: redis.url,
        SECRET_KEY: TEST_SECRET,
        API_KEYS: `ops:${hashOfApiKey(KEY)}:read+write+manage`,
        WEBHOOK_ALLOW_PRIVATE: "true",
        DEMO_ACCOUNTS: "false",
        LOG_LEVEL: "error",
      }));
      const call = async (node: number, method: string, path: string, body?: unknown) => {
        const response = await fetch(nodes.url(node) + path, {
          method,
          headers: { Authorization: `Bearer ${KEY}` },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
        return response.json();
      };
      const killSender = async () => {
        let sender = -1;
        await waitUntil("a node sends", async () => {
          const lease = async () => withRedis(await redis.port(), (client) => client.get(LEASE_KEY));
          sender = await nodes.carrying(lease, KEY);
          return true;
        });
        await nodes.stop(sender, "SIGKILL");
        // In the short form the lease of the dead node ends at once, in the long form when its time is over.
        if (!isLong) await withRedis(await redis.port(), (client) => client.del(LEASE_KEY));
        return sender;
      };
      const comes = async (count: number) => {
        const pause = createPause();
        for (const deadline = Date.now() + DELIVERY_MS; receiver.count < count; await pause())
          if (Date.now() > deadline) throw new Error(`only ${receiver.count} of ${count} have come`);
      };

      using receiver = new WebhookReceiver("whsec_AAAA");
      let isAway = true;
      receiver.answer = () => new Response(null, { status: isAway ? 503 : 204 });
      const webhook = { url: receiver.url, id: "crm", types: ["message.created"] };
      receiver.secret = (await call(0, "POST", "/webhooks", webhook)).secret;

      for (let first = 0; first < MESSAGES; first += BATCH * 2)
        await Promise.all(
          [0, 1].map(async (node) => {
            const batch = Array.from({ length: BATCH }, (_, n) => {
              const number = first + node * BATCH + n;
              const conversation = `c${number % CONVERSATIONS}`;
              return { conversation, id: `m${number}`, from: "anna", text: `text of ${number}` };
            });
            // A busy machine may take too long for some; under its id a message is stored once.
            await waitUntil("all are stored", async () => {
              const { results } = await call(node, "POST", "/messages", batch);
              return results.every(({ seq }: { seq?: number }) => seq !== undefined);
            });
          }),
        );
      expect(receiver.accepted).toEqual([]);

      isAway = false;
      // As an operator does who has repaired the receiver: otherwise the schedule says when it is tried again.
      for (const what of ["pause", "resume"]) await call(0, "POST", `/webhooks/crm/${what}`);
      await comes(MESSAGES * 0.2);
      await nodes.start(await killSender());
      await comes(MESSAGES * 0.5);
      await killSender();
      await comes(MESSAGES * 0.75);
      await redis.failOver?.();
      await comes(MESSAGES);

      const seqs = new Map<string, number[]>();
      const ids = new Map<string, string>();
      for (const { id, conversation = "", message } of receiver.accepted) {
        const place = `${conversation} ${message!.seq}`;
        if (ids.has(id)) {
          expect(ids.get(id)).toBe(place);
          continue;
        }
        ids.set(id, place);
        const list = seqs.get(conversation);
        if (list === undefined) seqs.set(conversation, [message!.seq]);
        else list.push(message!.seq);
      }
      expect(seqs.size).toBe(CONVERSATIONS);
      for (const list of seqs.values()) expect(list).toEqual(Array.from({ length: EACH }, (_, n) => n + 1));
      expect(receiver.unverified).toBe(0);
    },
    DELIVERY_MS * 2,
  );
