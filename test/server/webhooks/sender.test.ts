import { expect, test } from "bun:test";
import type { StopTask } from "../../../src/core/ports/shared-tasks.ts";
import type { Store } from "../../../src/core/ports/store.ts";
import { MAX_ATTEMPTS, RETRY_DELAYS_MS } from "../../../src/core/webhooks/attempt.ts";
import {
  pauseWebhook,
  replayWebhook,
  resumeWebhook,
  rotateSecret,
  type WebhookChange,
} from "../../../src/core/webhooks/operate.ts";
import type { StoredWebhook } from "../../../src/core/webhooks/webhook.ts";
import { sendWebhooks } from "../../../src/server/webhooks/sender.ts";
import { makeWebhookSecret } from "../../../src/server/webhooks/signature.ts";
import { WebhookClient } from "../../../src/server/webhooks/webhook-client.ts";
import { StoreFolder } from "../../engine/sqlite/store-folder.ts";
import { messageContent } from "../../support/entries.ts";
import { Random } from "../../support/random.ts";
import { RecordedLog } from "../../support/server/recorded-log.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { WebhookReceiver } from "../../support/webhook-receiver.ts";

/** An embedded store with a sender, whose clock moves while a test waits. */
class Sending implements AsyncDisposable {
  readonly log = new RecordedLog();
  /** The types that the sender said are read. */
  readonly asked = new Set<string>();
  private readonly stops: StopTask[] = [];

  private constructor(
    private readonly folder: StoreFolder,
    readonly clock: ManualClock,
    readonly store: Store,
  ) {}

  static async begin(): Promise<Sending> {
    const folder = new StoreFolder();
    const clock = new ManualClock();
    const sending = new Sending(folder, clock, await folder.open(clock));
    sending.start();
    return sending;
  }

  start(): void {
    const { store, clock, log } = this;
    const stop = sendWebhooks({
      ...{ webhooks: store.webhooks, feed: store.feed, clock, emit: log.emit },
      content: { engine: store.engine, members: store.members },
      client: new WebhookClient({ allowPrivate: true, version: "1", timeoutMs: 1_000 }),
      runOnOneNode: store.runOnOneNode,
      ask: async (types) => void this.asked.add([...(types ?? ["all"])].join()),
    });
    this.stops.push(stop);
  }

  async stop(): Promise<void> {
    for (const stop of this.stops.splice(0)) await stop();
  }

  async add(receiver: WebhookReceiver, fields: Partial<StoredWebhook> = {}): Promise<void> {
    await this.store.webhooks.add({
      ...{
        id: "hook",
        url: receiver.url,
        secrets: [{ secret: receiver.secret }],
        createdAt: this.clock.wall(),
      },
      ...{ status: { state: "active" }, revision: 1, types: ["message.created"] },
      progress: { course: 0, position: await this.store.feed.newest(), retries: [] },
      ...fields,
    });
  }

  async webhook(id = "hook"): Promise<StoredWebhook> {
    return (await this.store.webhooks.find(id))!;
  }

  async change(decide: (webhook: StoredWebhook) => WebhookChange | undefined): Promise<void> {
    const change = decide(await this.webhook());
    if (change === undefined || !(await this.store.webhooks.change(change))) throw new Error("not changed");
  }

  /** Stores messages `<conversation> <n>`, in conversations `c0`, `c1` …, in turn. */
  async post(count: number, conversations: number): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, (_, n) => this.say(`c${n % conversations}`, `text of ${n}`)),
    );
  }

  say(conversation: string, text: string): Promise<void> {
    const request = {
      conversation,
      user: "anna",
      limit: 0,
      id: crypto.randomUUID(),
      ...messageContent(text),
    };
    return new Promise((resolve, reject) =>
      this.store.engine.post(request, ({ outcome }) =>
        outcome === "stored" ? resolve() : reject(new Error(outcome)),
      ),
    );
  }

  /** Moves the clock on until something is so. */
  until(what: string, holds: () => boolean | Promise<boolean>, stepMs = 250): Promise<void> {
    return waitUntil(what, () => {
      this.clock.jump(stepMs);
      return holds();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.folder[Symbol.asyncDispose]();
  }
}

/** The numbers of the messages that a receiver got of each conversation, in the order in which they came first. */
function seqs(receiver: WebhookReceiver): Map<string, number[]> {
  const seen = new Map<string, number[]>();
  const ids = new Set<string>();
  for (const { id, conversation = "", message } of receiver.accepted) {
    if (ids.has(id)) continue;
    ids.add(id);
    seen.set(conversation, [...(seen.get(conversation) ?? []), message!.seq]);
  }
  return seen;
}

test("EV2 EV5 a receiver that is away while many events come gets all of them, in order, signed; doubled ones have the same id", async () => {
  await using sending = await Sending.begin();
  using receiver = new WebhookReceiver(makeWebhookSecret(), () => sending.clock.wall());
  const random = new Random(7);
  let isAway = true;
  receiver.answer = () => new Response(null, { status: isAway ? 503 : random.next() < 0.01 ? 500 : 200 });
  await sending.add(receiver);
  // Nobody waits for the receiver: all are stored before it has got one.
  await sending.post(540, 30);
  await sending.until("it was tried", () => receiver.refused >= 8);
  await sending.until("the failure is known", () => sending.log.events().includes("webhook.failing"));
  expect(receiver.accepted).toEqual([]);
  expect((await sending.webhook()).progress.retries.length).toBeLessThanOrEqual(8);
  isAway = false;
  for (const stopAt of [150, 400]) {
    await sending.until(`${stopAt} have come`, () => receiver.count >= stopAt, 20_000);
    // The next sender begins at what the one before has stored.
    await sending.stop();
    sending.start();
  }
  await sending.until("all have come", () => receiver.count >= 540, 20_000);
  const got = seqs(receiver);
  expect(got.size).toBe(30);
  for (const numbers of got.values()) expect(numbers).toEqual(Array.from({ length: 18 }, (_, n) => n + 1));
  expect(receiver.unverified).toBe(0);
  await sending.until("it has recovered", () => sending.log.events().includes("webhook.recovered"));
  await sending.until("the progress is stored", async () => {
    const { position, waitingSince } = (await sending.webhook()).progress;
    const rest = await sending.store.feed.read(position, {}, 1);
    return waitingSince === undefined && rest!.events.length === 0;
  });
  expect([...sending.asked]).toEqual(["message.created"]);
});

test("EV2 410 ends a webhook, failures pause it after ten attempts, and an operator pauses, resumes, replays, rotates", async () => {
  await using sending = await Sending.begin();
  using receiver = new WebhookReceiver(makeWebhookSecret(), () => sending.clock.wall());
  const { clock } = sending;
  await sending.add(receiver);
  const begin = await sending.store.feed.newest();
  const got = async (count: number) =>
    sending.until(`${count} have come`, () => receiver.accepted.length >= count);
  await sending.say("room", "one");
  await got(1);
  expect(receiver.accepted[0]).toMatchObject({
    type: "message.created",
    conversation: "room",
    message: { text: "one" },
  });

  receiver.answer = () => new Response(null, { status: 410 });
  await sending.say("room", "two");
  const state = async () => (await sending.webhook()).status.state;
  await sending.until("it has ended", async () => (await state()) === "ended");
  receiver.answer = () => new Response(null, { status: 200 });
  await sending.change((webhook) => resumeWebhook(webhook, clock.wall()));
  await got(2);

  await sending.change((webhook) => pauseWebhook(webhook, clock.wall()));
  await sending.say("room", "three");
  const until = clock.now() + 20_000;
  await sending.until("time passes", () => clock.now() > until, 2_000);
  expect(receiver.accepted).toHaveLength(2);
  await sending.change((webhook) => resumeWebhook(webhook, clock.wall()));
  await got(3);

  // Both secrets sign while they are being rotated, so the receiver may change when it likes.
  const next = makeWebhookSecret();
  await sending.change((webhook) => rotateSecret(webhook, next, 3_600, clock.wall()));
  await sending.say("room", "four");
  await got(4);
  receiver.secret = next;
  await sending.say("room", "five");
  await got(5);
  // A request whose result is not stored yet is sent again, beside what is replayed.
  await sending.until("its result is stored", async () => {
    const { position } = (await sending.webhook()).progress;
    return (await sending.store.feed.read(position, {}, 1))!.events.length === 0;
  });

  await sending.change((webhook) => replayWebhook(webhook, { after: begin }));
  await got(10);
  expect(receiver.accepted.slice(5).map(({ id }) => id)).toEqual(
    receiver.accepted.slice(0, 5).map(({ id }) => id),
  );

  // A receiver that was repaired: resumed, it gets at once what waits for hours, the second time as well.
  receiver.answer = () => new Response(null, { status: 500 });
  for (const name of ["a", "b", "c"]) await sending.say(name, "seven");
  for (const time of [1, 2]) {
    await sending.until("it waits", async () => {
      const { retries } = (await sending.webhook()).progress;
      return retries.length === 3 && retries.every(({ nextAt }) => nextAt - clock.wall() > 60_000);
    });
    const before = clock.now();
    if (time === 2) receiver.answer = () => new Response(null, { status: 200 });
    const { refused, count } = receiver;
    await sending.change((webhook) => resumeWebhook(webhook, clock.wall()));
    await sending.until(
      "all three are tried",
      () => receiver.refused + receiver.count >= refused + count + 3,
    );
    expect(clock.now() - before).toBeLessThan(240_000);
  }
  await sending.until("it has recovered", () => sending.log.events().includes("webhook.recovered"));

  receiver.answer = () => new Response(null, { status: 500 });
  receiver.refused = 0;
  await sending.say("room", "six");
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    await sending.until(`attempt ${attempt}`, () => receiver.refused === attempt);
    await sending.until("it is stored", async () => {
      const [retry] = (await sending.webhook()).progress.retries;
      return attempt === MAX_ATTEMPTS || retry?.attempts === attempt;
    });
    clock.jump((RETRY_DELAYS_MS[attempt - 1] ?? 0) * 1.1);
  }
  await sending.until("it is paused", async () => (await state()) === "paused");
  expect(await sending.webhook()).toMatchObject({
    status: { state: "paused", reason: "failing" },
    progress: { lastFailure: { reason: "status 500" } },
  });
  expect(sending.log.events().filter((name) => name.startsWith("webhook."))).toEqual([
    "webhook.ended",
    // Once more after it was resumed: the operator has to know that it still fails.
    ...["webhook.failing", "webhook.failing", "webhook.recovered"],
    "webhook.failing",
    "webhook.paused",
  ]);
  expect(receiver.unverified).toBe(0);
});

test("EV2 one that is slow or dead does not hold up the others, and a position of another store begins with events.lost", async () => {
  await using sending = await Sending.begin();
  using quick = new WebhookReceiver(makeWebhookSecret(), () => sending.clock.wall());
  using slow = new WebhookReceiver(makeWebhookSecret(), () => sending.clock.wall());
  slow.answer = () => new Promise(() => {});
  const dead = { url: "http://127.0.0.1:1/", secret: slow.secret } as WebhookReceiver;
  await sending.add(slow, { id: "slow" });
  await sending.add(dead, { id: "dead" });
  const progress = { course: 0, position: "elsewhere", retries: [] };
  await sending.add(quick, { id: "quick", progress, conversations: ["c1*"], types: undefined! });
  await sending.post(40, 20);
  await sending.until("all have come", () => quick.count >= 23);
  const [lost, ...others] = quick.accepted;
  expect(lost).toMatchObject({ type: "events.lost" });
  expect(new Set(others.map(({ conversation }) => conversation))).toEqual(
    new Set(["c1", ...Array.from({ length: 10 }, (_, n) => `c1${n}`)]),
  );
  await sending.until("the failure is known", async () => {
    const { lastFailure } = (await sending.webhook("dead")).progress;
    return lastFailure?.reason === "nothing listens there";
  });
  await sending.until("the time limit is over", async () => {
    const { lastFailure } = (await sending.webhook("slow")).progress;
    return lastFailure?.reason === "no answer within 1 s";
  });
});
