import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

/** The keys of the test, by what they allow. */
const KEYS = { all: "read+write+manage", writer: "write", team: "read" } as const;
const keyOf = (name: string) => `pk_${name.padEnd(40, "0")}`;
const hashOf = (name: string) => new Bun.CryptoHasher("sha256").update(keyOf(name)).digest("hex");

interface Answer {
  readonly events: readonly (Readonly<Record<string, unknown>> & { readonly type: string })[];
  readonly more: boolean;
  readonly position: string;
}

let server: TestServer;

/** A request of a program with one of the keys. */
async function request(path: string, { key = "all", ...init }: RequestInit & { key?: string } = {}) {
  const headers = { Authorization: `Bearer ${keyOf(key)}`, "Content-Type": "application/json" };
  return fetch(`${server.url}${path}`, { ...init, headers });
}

async function events(query: string): Promise<Answer> {
  const response = await request(`/events?${query}`);
  if (response.status !== 200) throw new Error(`not read: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

async function say(conversation: string, text: string, from = "ann"): Promise<number> {
  const body = JSON.stringify({ from, text });
  const response = await request(`/conversations/${conversation}/messages`, { method: "POST", body });
  return ((await response.json()) as { seq: number }).seq;
}

describe("GET /events", () => {
  beforeAll(async () => {
    const entries = Object.entries(KEYS).map(([name, rights]) => `${name}:${hashOf(name)}:${rights}`);
    server = await startTestServer({ env: { API_KEYS: entries.join(",") } });
  });
  afterAll(() => server.stop());

  test("EV1 without `after` it answers where the feed is now; from there come the messages, with their text as it is then", async () => {
    const begun = await events("");
    expect(begun).toMatchObject({ events: [], more: false });
    const seq = await say("lobby", "hello");
    const page = await events(`after=${begun.position}&types=message.created`);
    expect(page).toMatchObject({
      more: false,
      events: [
        {
          type: "message.created",
          conversation: "lobby",
          user: "ann",
          message: { seq, from: "ann", text: "hello" },
        },
      ],
    });
    const edited = await request(`/conversations/lobby/messages/${seq}`, {
      method: "PATCH",
      body: JSON.stringify({ text: "hello again", from: "ann" }),
    });
    expect(edited.status).toBe(200);
    const again = await events(`after=${begun.position}&types=message.created`);
    expect(again.events[0]).toMatchObject({ message: { text: "hello again", rev: 1 } });
    expect(again.events[0]?.id).toBe(page.events[0]?.id);
    await request(`/conversations/lobby/messages/${seq}?from=ann`, { method: "DELETE" });
    const erased = await events(`after=${begun.position}&types=message.created`);
    expect(erased.events[0]).toMatchObject({ message: { seq, text: "", gone: "erased" } });
    await request("/conversations/lobby", { method: "DELETE" });
    await waitUntil("the removed message is gone", async () => {
      const { events: removed } = await events(`after=${begun.position}&types=message.created`);
      return JSON.stringify(removed[0]?.message) === JSON.stringify({ seq, gone: "retention" });
    });
  });

  test("EV1 a request waits for the first event, and is answered at once when it comes, when time is over, or when the server stops", async () => {
    const { position } = await events("");
    const waiting = events(`after=${position}&wait=60&conversation=waited`);
    await say("elsewhere", "not for it");
    const seq = await say("waited", "for it");
    const page = await waiting;
    expect(page.events[1]).toMatchObject({ conversation: "waited", message: { seq } });
    const over = await events(`after=${page.position}&wait=1&conversation=nothing-*`);
    expect(over).toMatchObject({ events: [], more: false });
  });

  test("EV1 pages have as many events as are asked for, and no more bytes than fit one answer; no event is left out", async () => {
    const { position } = await events("");
    const text = "x".repeat(15_000);
    for (let i = 0; i < 90; i++) await say("long", `${i} ${text}`);
    const read: unknown[] = [];
    let pages = 0;
    for (let after = position, more = true; more; pages++) {
      const page = await events(`after=${after}&limit=1000&types=message.created`);
      expect(JSON.stringify(page).length).toBeLessThan(1.5 * 1024 * 1024);
      read.push(...page.events.map(({ message }) => (message as { seq: number }).seq));
      ({ position: after, more } = page);
    }
    expect(read).toEqual(Array.from({ length: 90 }, (_, i) => i + 1));
    expect(pages).toBeGreaterThan(1);
    expect((await events(`after=${position}&limit=3`)).events).toHaveLength(3);
  });

  test("EV1 what is not allowed or not valid is refused with its reason", async () => {
    const refusal = async (query: string, key = "all") => {
      const response = await request(`/events?${query}`, { key });
      return [response.status, ((await response.json()) as { code: string }).code];
    };
    for (const query of [
      "after=x",
      "after=0&after=0",
      "limit=0",
      "limit=1001",
      "wait=61",
      "wait=x",
      "types=message.sent",
      "types=",
      "conversation=a%20b",
    ])
      expect([query, ...(await refusal(query))]).toEqual([query, 422, "invalid"]);
    expect(await refusal("", "writer")).toEqual([403, "forbidden"]);
    expect(await refusal("", "unknown")).toEqual([401, "unauthorized"]);
    const token = await server.token("ann");
    const byUser = await fetch(`${server.url}/events`, { headers: { Authorization: `Bearer ${token}` } });
    expect(byUser.status).toBe(403);
  });

  test("EV1 a server that stops answers those who wait", async () => {
    const { position } = await events("");
    const waiting = events(`after=${position}&wait=60`);
    // The request has arrived when a later one is answered.
    await events("");
    await server.stop();
    expect(await waiting).toMatchObject({ events: [], more: false });
  });
});
