// A Parley on a Redis of its own, and clients that do what the dashboard shows: they talk, write streams, come back, are refused, and
// read slowly.
import { hashOfApiKey, newApiKey } from "../../../src/server/authentication/api-keys.ts";
import { signToken } from "../../../src/server/authentication/tokens.ts";
import { ParleyFolder, type Running } from "../../cli/parley-folder.ts";
import { OperatorServer } from "../../server/approval/operator-server.ts";
import { RawSocket } from "../../support/clients/raw-socket.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { TEST_SECRET, testKeys } from "../../support/server/tokens.ts";
import { WebhookReceiver } from "../../support/webhook-receiver.ts";

export const METRICS_KEY = "read-the-metrics";

const API_KEY = newApiKey();

/** The kernel keeps some megabytes of them for a reader that does not read. */
const LARGE_TEXT = "x".repeat(60_000);
const LARGE_MESSAGES = 150;

/** Of so many requests the webhook's receiver refuses one. */
const REFUSES_ONE_OF = 4;

export class MonitoredParley implements AsyncDisposable {
  private readonly stack = new AsyncDisposableStack();
  private readonly receiver: WebhookReceiver;
  private writer!: TestClient;
  private epoch = "";
  private count = 0;

  private constructor(
    readonly redis: TestRedis,
    readonly server: Running,
    readonly metricsHost: string,
    parts: readonly (AsyncDisposable | Disposable)[],
  ) {
    for (const part of parts) this.stack.use(part);
    let requests = 0;
    this.receiver = this.stack.use(new WebhookReceiver(""));
    this.receiver.answer = () =>
      new Response(null, { status: requests++ % REFUSES_ONE_OF === 1 ? 500 : 204 });
  }

  /** Starts Redis, which keeps its data over a kill, and a server with metrics. */
  static async start(): Promise<MonitoredParley> {
    const redis = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
    const folder = new ParleyFolder();
    const approval = new OperatorServer();
    const server = await folder.serve([], {
      REDIS_URL: redis.url,
      SECRET_KEY: TEST_SECRET,
      METRICS_ADDRESS: "127.0.0.1:0",
      METRICS_KEY,
      PLANS: "free:0:0,small:1:0",
      BURST_RATE: "0",
      MAX_UNSENT_BYTES: "104857600",
      API_KEYS: `ops:${hashOfApiKey(API_KEY)}:read+write+manage`,
      WEBHOOK_ALLOW_PRIVATE: "true",
      APPROVAL_URL: approval.url,
      APPROVAL_FOR: "open",
      LOG_LEVEL: "error",
    });
    const host = new URL(/Metrics +(\S+)\n/.exec(server.output().stderr)![1]!).host;
    return new MonitoredParley(redis, server, host, [redis, folder, approval]);
  }

  /** Makes what stays during the load: a webhook, a stream that is open, and a reader that does not read. */
  async prepare(): Promise<void> {
    const response = await fetch(`${this.server.url}/webhooks`, {
      method: "POST",
      headers: { Authorization: `Bearer ${API_KEY}` },
      body: JSON.stringify({ url: this.receiver.url, conversations: ["lobby"] }),
    });
    this.receiver.secret = ((await response.json()) as { secret: string }).secret;
    this.writer = this.stack.use(await this.connect("writer", "lobby"));
    this.epoch = this.writer.of("welcome")[0]!.epoch;
    this.writer.send({ type: "stream_start", id: "long" });
    await this.writer.next("stream_started");
    const port = Number(new URL(this.server.url).port);
    const slow = this.stack.use(await RawSocket.handshake(port, await path("slow", "large")));
    await slow.waitForFrame("welcome");
    slow.stopReading();
    const fast = this.stack.use(await this.connect("fast", "large"));
    for (let i = 0; i < LARGE_MESSAGES; i++) fast.send({ type: "message", id: `l${i}`, text: LARGE_TEXT });
    for (let i = 0; i < LARGE_MESSAGES; i++) await fast.next("ack");
  }

  /** Does each thing once, or a few times. */
  async talk(): Promise<void> {
    const { writer } = this;
    const n = this.count++;
    for (let i = 0; i < 5; i++) {
      writer.send({ type: "message", id: `m${n}-${i}`, text: `Number ${n}, ${i}` });
      await writer.next("ack");
    }
    writer.send({ type: "message", id: `m${n}-0`, text: `Number ${n}, 0` });
    await writer.next("ack");
    writer.send({ type: "message", text: "" });
    await writer.next("error");
    writer.send({ type: "stream_start", id: `s${n}` });
    const { stream } = await writer.next("stream_started");
    writer.send({ type: "stream_append", stream, n: 1, text: "An answer" });
    writer.send({ type: "stream_end", stream });
    await writer.next("ack");
    {
      await using back = await this.connect("reader", "lobby", `&after=1&epoch=${this.epoch}`);
      await back.settled();
    }
    await using small = await this.connect("small", "lobby", "", "small");
    for (let i = 0; i < 2; i++) small.send({ type: "message", text: "One too many" });
    await small.next("error");
    await fetch(`${this.server.url}${await path("writer", "lobby")}`, {
      headers: {
        Origin: "https://other.example",
        Upgrade: "websocket",
        Connection: "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    });
  }

  /** Sends a message that the store cannot take. */
  async talkInVain(): Promise<void> {
    this.writer.send({ type: "message", id: `v${this.count++}`, text: "Is somebody there?" });
    await this.writer.next("error");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.disposeAsync();
  }

  private async connect(user: string, conversation: string, query = "", plan = "free"): Promise<TestClient> {
    const address = this.server.url.replace(/^http/, "ws");
    return TestClient.connect(`${address}${await path(user, conversation, plan)}${query}`);
  }
}

async function path(user: string, conversation: string, plan = "free"): Promise<string> {
  const token = await signToken(await testKeys(), { subject: user, plan, now: Date.now() });
  return `/ws/${user}/${conversation}?token=${token}`;
}
