import { expect, test } from "bun:test";
import type { WebhookActivity } from "../../../src/core/activity/node-activity.ts";
import { BoundedRenderer } from "../../../src/server/metrics/bounded-renderer.ts";
import { FastHistogram } from "../../../src/server/metrics/fast-histogram.ts";
import { ServerMetrics } from "../../../src/server/metrics/server-metrics.ts";
import { METRICS } from "../../../src/server/metrics/table.ts";
import { TurnTime } from "../../../src/server/process/turn-time.ts";
import { MessageCounters } from "../../../src/server/socket/message-counters.ts";
import { ParleyFolder } from "../../cli/parley-folder.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

const KEY = "read-the-metrics";

/** The samples of an OpenMetrics text, by name with labels. */
function samples(text: string): Map<string, number> {
  return new Map(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => {
        const at = line.lastIndexOf(" ");
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
  );
}

test("OP1 SEC-P4 metrics count what happened, ask for their key, and have as many series with many conversations as with one", async () => {
  await using folder = new ParleyFolder();
  const server = await folder.serve([], { METRICS_ADDRESS: "127.0.0.1:0", METRICS_KEY: KEY });
  const url = /Metrics +(\S+)\n/.exec(server.output().stderr)![1]!;
  const read = async () => {
    const answer = await fetch(url, { headers: { Authorization: `Bearer ${KEY}` } });
    expect(answer.headers.get("content-type")).toStartWith("application/openmetrics-text; version=1.0.0");
    return answer.text();
  };
  expect((await fetch(url)).status).toBe(401);
  expect((await fetch(url, { headers: { Authorization: "Bearer other" } })).status).toBe(401);
  expect((await fetch(url, { method: "POST" })).status).toBe(405);
  expect((await fetch(url.replace("/metrics", "/healthz"))).status).toBe(404);
  expect((await fetch(`${server.url}/metrics`)).status).toBe(404);

  const { access_token: token } = (await (
    await fetch(`${server.url}/token`, {
      method: "POST",
      body: new URLSearchParams({ username: "user3", password: "password" }),
    })
  ).json()) as { access_token: string };
  const address = (room: string, more = "") =>
    `${server.url.replace("http", "ws")}/ws/user3/${room}?token=${token}${more}`;
  await using client = await TestClient.connect(address("room"));
  const { epoch } = client.of("welcome")[0]!;
  for (const text of ["a", "b", "c"]) {
    client.send({ type: "message", text });
    await client.next("ack");
  }
  client.send({ type: "message", text: "" });
  await client.next("error");
  {
    await using back = await TestClient.connect(address("room", `&after=1&epoch=${epoch}`));
    expect(back.of("welcome")).toHaveLength(1);
  }
  // Refused by the routes, by what stands before them, and by no route; each message of a list counts for itself.
  const post = (path: string, body: string, more: object = {}) =>
    fetch(server.url + path, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, ...more },
      body,
    });
  const room = "/conversations/room";
  expect((await post(`${room}/messages`, "{}")).status).toBe(422);
  expect(
    (await post("/messages", '[{"conversation":"room","text":"d"},{"conversation":"room"},1]')).status,
  ).toBe(200);
  expect((await fetch(`${server.url}/nowhere`)).status).toBe(404);
  expect((await post("/healthz", "{}")).status).toBe(405);
  expect((await post("/logout", "{}", { Origin: "https://other.example" })).status).toBe(403);
  expect((await post("/token", "username=user3&password=wrong")).status).toBe(422);
  expect((await post(`${room}/messages`, '{"text":"x","epoch":"other"}')).status).toBe(409);
  const first = await read();
  expect(first).toEndWith("# EOF\n");
  const found = samples(first);
  const of = (name: string) => found.get(name);
  expect(of("parley_store_up")).toBe(1);
  expect(of('parley_messages_total{outcome="stored"}')).toBe(4);
  expect(of("parley_ack_seconds_count")).toBe(3);
  expect(of('parley_ack_seconds_bucket{le="+Inf"}')).toBe(3);
  expect(of("parley_delivery_seconds_count")).toBe(4);
  expect(of("parley_store_batch_seconds_count")).toBeGreaterThanOrEqual(3);
  expect(of("parley_frame_bytes_count")).toBe(4);
  expect(of("parley_connections_opened_total")).toBe(2);
  const refusals = [...found].filter(
    ([name, count]) => name.startsWith("parley_requests_refused") && count > 0,
  );
  expect(Object.fromEntries(refusals.map(([name, count]) => [/"(.+)"/.exec(name)![1], count]))).toEqual({
    ...{ invalid: 5, not_found: 2, method_not_allowed: 1, origin_refused: 1, conflict: 1 },
  });
  expect(of('parley_resumes_total{result="resumed"}')).toBe(1);
  expect(of('parley_webhooks{state="active"}')).toBe(0);
  for (const name of Object.keys(METRICS)) expect(first).toContain(`# TYPE ${name} `);

  const before = samples(await read()).size;
  for (let room = 0; room < 20; room++) {
    await using other = await TestClient.connect(address(`room-${room}`));
    other.send({ type: "message", text: "x" });
    await other.next("ack");
  }
  expect(samples(await read()).size - before).toBeLessThanOrEqual(2);
  server.process.kill("SIGTERM");
  expect(await server.process.exited).toBe(0);
});

test("OP1 the messages of one turn of the event loop share its time, and those of the next one do not", async () => {
  let now = 1;
  const turn = new TurnTime(() => now);
  expect(turn.now()).toBe(1);
  now = 2;
  expect(turn.now()).toBe(1);
  await new Promise(setImmediate);
  expect(turn.now()).toBe(2);
});

test("OP1 a histogram puts each value into the bucket with the lowest bound that is not below it", async () => {
  const histogram = new FastHistogram("x_seconds", "x", [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe(value);
  expect(await histogram.get()).toMatchObject({
    values: [
      { metricName: "x_seconds_bucket", labels: { le: 0.1 }, value: 2 },
      { metricName: "x_seconds_bucket", labels: { le: 1 }, value: 3 },
      { metricName: "x_seconds_bucket", labels: { le: "+Inf" }, value: 4 },
      { metricName: "x_seconds_sum", value: 7.65 },
      { metricName: "x_seconds_count", value: 4 },
    ],
  });
});

test("OP1 AP2 what approval did not answer is counted apart from what the store did not", async () => {
  const clock = new ManualClock();
  const metrics = new ServerMetrics({ clock, version: "0", engine: "embedded", plans: [] });
  const counters = new MessageCounters(
    clock,
    () => {},
    () => 0,
    false,
  );
  const state = { live: 0, opening: 0, openConversations: 0, openStreams: 0, unsentBytes: 0, slowReaders: 0 };
  metrics.watch(
    () => ({ ...state, isStoreUp: true, messages: counters.sinceStart() }),
    async () => ({ webhooks: [] }),
  );
  for (const because of ["approval", "approval", undefined] as const)
    counters.count({ user: "ann", conversation: "lobby" }, "m", {
      outcome: "unavailable",
      ...(because && { because }),
    });
  metrics.approvalDecided("skipped");
  const found = samples(await metrics.read());
  expect(found.get('parley_messages_total{outcome="unapproved"}')).toBe(2);
  expect(found.get('parley_messages_total{outcome="unavailable"}')).toBe(1);
  expect(found.get('parley_approval_requests_total{result="skipped"}')).toBe(1);
  expect(found.get('parley_approval_requests_total{result="failed"}')).toBe(0);
  counters.stop();
  metrics.stop();
});

test("OP1 EV2 the lag of the feed's readers is that of the one that is furthest behind, and is missing while the store is away", async () => {
  const clock = new ManualClock();
  const metrics = new ServerMetrics({ clock, version: "0", engine: "embedded", plans: [] });
  const state = { live: 0, opening: 0, openConversations: 0, openStreams: 0, unsentBytes: 0, slowReaders: 0 };
  let isAway = false;
  const webhook = (id: string, more: Partial<WebhookActivity>): WebhookActivity => {
    return { id, state: "active", lag: 0, retries: 0, ...more };
  };
  metrics.watch(
    () => ({ ...state, isStoreUp: true, messages: {} }),
    async () => {
      if (isAway) throw new Error("away");
      return {
        webhooks: [
          webhook("a", {}),
          webhook("b", { lag: 3 }),
          webhook("c", { lag: 7, failure: "500", retries: 2, retry_age: 5 }),
          webhook("f", { lag: 6, failure: "500", retries: 1, retry_age: 4 }),
          webhook("d", { state: "paused", lag: 60 }),
          webhook("e", { state: "ended" }),
        ],
        unread: { lag: 1.5 },
      };
    },
  );
  const feed = async () =>
    Object.fromEntries(
      [...samples(await metrics.read())].filter(([name]) =>
        /^parley_(webhooks|webhook_retry|feed_lag)/.test(name),
      ),
    );
  expect(await feed()).toEqual({
    'parley_webhooks{state="active"}': 2,
    'parley_webhooks{state="failing"}': 2,
    parley_webhook_retry_age_seconds: 5,
    'parley_webhooks{state="paused"}': 1,
    'parley_webhooks{state="ended"}': 1,
    'parley_feed_lag_seconds{reader="webhooks"}': 7,
    'parley_feed_lag_seconds{reader="paused_webhooks"}': 60,
    'parley_feed_lag_seconds{reader="unread"}': 1.5,
  });
  isAway = true;
  expect(await feed()).toEqual({});
  isAway = false;
  expect(Object.keys(await feed())).toHaveLength(8);
  metrics.stop();
});

test("OP1 scrapes at once share a rendering, and many in a second get the last one", async () => {
  let [now, rendered] = [10_000, 0];
  const renderer = new BoundedRenderer(
    async () => String(++rendered),
    () => now,
  );
  expect(await Promise.all([renderer.read(), renderer.read(), renderer.read()])).toEqual(["1", "1", "1"]);
  for (let i = 0; i < 2_000; i++) await renderer.read();
  expect(rendered).toBe(5);
  now += 1_000;
  expect(await renderer.read()).toBe("6");
  const failing = new BoundedRenderer(
    () => Promise.reject(new Error("no")),
    () => now,
  );
  for (const _ of "1234567") expect(failing.read()).rejects.toThrow("no");
});
