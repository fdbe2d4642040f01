import { expect, test } from "bun:test";
import { startMemberServer } from "../members/member-api.ts";

type Api = Awaited<ReturnType<typeof startMemberServer>>;

/** The texts that a conversation holds, each with its sender. */
async function stored(api: Api, conversation: string): Promise<string[]> {
  const { body } = await api.as("key", `GET /conversations/${conversation}/messages?after=0&limit=200`);
  return body.messages.map((one: { from: string; text: string }) => `${one.from}: ${one.text}`);
}

test("N8 H3 each item is posted as a message of its own, and answered in the order of the list", async () => {
  await using api = await startMemberServer();
  const hidden = await api.make();
  const items = [
    { conversation: "lobby", id: "m1", text: "one" },
    { conversation: hidden, id: "m2", text: "not allowed" },
    { conversation: "lobby", id: "m3", text: "" },
    { conversation: "a b", id: "m4", text: "no name" },
    { id: "m5", text: "no conversation" },
    { conversation: "lobby", id: "m6", text: "two", reply: 1 },
    { conversation: "lobby", id: "m7", from: "ann", text: "as another" },
    { conversation: "other", id: "m8", text: "three", data: { n: 1 } },
    7,
    { conversation: "lobby", id: "m9", text: "four" },
  ];
  const { status, body } = await api.as("bob", "POST /messages", items);
  expect(status).toBe(200);
  const quota = { limit: 100, remaining: expect.any(Number), reset: expect.any(Number) };
  const at = expect.any(Number);
  const message = expect.any(String);
  expect(body).toEqual({
    results: [
      { conversation: "lobby", id: "m1", seq: 1, at, quota },
      { conversation: hidden, id: "m2", code: "forbidden", message },
      { conversation: "lobby", id: "m3", code: "invalid", message },
      { id: "m4", code: "invalid", message },
      { id: "m5", code: "invalid", message },
      { conversation: "lobby", id: "m6", code: "invalid", message: expect.stringContaining("`reply`") },
      { conversation: "lobby", id: "m7", code: "forbidden", message },
      { conversation: "other", id: "m8", seq: 1, at, quota },
      { code: "invalid", message },
      { conversation: "lobby", id: "m9", seq: 2, at, quota },
    ],
  });
  expect(await stored(api, "lobby")).toEqual(["bob: one", "bob: four"]);
  expect((await api.as("bob", "GET /me")).body.quota.remaining).toBe(97);
});

test("N8 D3 the same list again is stored and charged once", async () => {
  await using api = await startMemberServer();
  const items = Array.from({ length: 100 }, (_, i) => ({ conversation: "lobby", id: `m${i}`, text: `${i}` }));
  const first = await api.as("key", "POST /messages", items);
  expect(first.body.results.map(({ seq }: { seq: number }) => seq)).toEqual(items.map((_, i) => i + 1));
  const again = await api.as("key", "POST /messages", items);
  expect(again.body.results).toEqual(first.body.results.map((one: object) => ({ ...one, duplicate: true })));
  expect(await stored(api, "lobby")).toHaveLength(100);
});

test("Q1 Q4 N8 items over the quota are refused, each with the time to wait, and those before them are stored", async () => {
  await using api = await startMemberServer({ env: { PLANS: "free:2:5" } });
  const items = ["1", "2", "3"].map((text) => ({ conversation: "lobby", id: text, text }));
  const { status, body } = await api.as("bob", "POST /messages", items);
  expect(status).toBe(200);
  expect(body.results).toEqual([
    expect.objectContaining({ id: "1", seq: 1 }),
    expect.objectContaining({ id: "2", seq: 2, quota: expect.objectContaining({ remaining: 0 }) }),
    {
      conversation: "lobby",
      id: "3",
      code: "rate_limited",
      message: expect.any(String),
      retry_after: expect.any(Number),
      quota: expect.objectContaining({ remaining: 0 }),
    },
  ]);
});

test("MB2 MB3 an API key posts in the names of users, and a muted or banned user gets its own refusal", async () => {
  await using api = await startMemberServer();
  const team = await api.make([{ user: "bob" }, { user: "cem" }]);
  await api.as("ann", `PUT /conversations/${team}/mutes/bob`, { seconds: 600 });
  const { body } = await api.as("bob", "POST /messages", [
    { conversation: team, id: "m1", text: "muted" },
    { conversation: "lobby", id: "m2", text: "elsewhere" },
  ]);
  expect(body.results).toMatchObject([
    { conversation: team, id: "m1", code: "muted", until: expect.any(Number) },
    { conversation: "lobby", id: "m2", seq: 1 },
  ]);
  const posted = await api.as("key", "POST /messages", [
    { conversation: team, from: "cem", text: "from cem" },
    { conversation: team, text: "from the key" },
  ]);
  expect(posted.body.results).toMatchObject([
    { seq: 1, quota: null },
    { seq: 2, quota: null },
  ]);
  expect(await stored(api, team)).toEqual(["cem: from cem", "backend: from the key"]);
});

test("B3 a body that is no list of 1 to 100 JSON values is refused as a whole, and nothing of it is stored", async () => {
  await using api = await startMemberServer();
  const one = JSON.stringify({ conversation: "lobby", text: "x" });
  const table = [
    ["", 400, "malformed"],
    ["[", 400, "malformed"],
    ["{}", 422, "invalid"],
    ["[]", 422, "invalid"],
    [`[${Array(101).fill(one).join(",")}]`, 422, "invalid"],
    [`[${one},{"conversation":"lob]`, 400, "malformed"],
    [`[${one},]`, 400, "malformed"],
    [`[${one}],[${one}]`, 400, "malformed"],
    [`[${one},"${"x".repeat(1024 * 1024)}"]`, 413, "too_large"],
  ] as const;
  for (const [body, status, code] of table) {
    const answer = await api.as("bob", "POST /messages", body);
    expect([body.slice(0, 40), answer.status, answer.body.code]).toEqual([body.slice(0, 40), status, code]);
  }
  const deep = `{"conversation":"lobby","text":"x","data":${'{"a":'.repeat(200)}1${"}".repeat(200)}}`;
  const long = JSON.stringify({ conversation: "lobby", text: "x".repeat(70_000) });
  const { body } = await api.as("bob", "POST /messages", `[${deep},${long},${one}]`);
  expect(body.results).toMatchObject([
    { code: "too_large" },
    { code: "too_large", conversation: "lobby" },
    { seq: 1 },
  ]);
  expect(await stored(api, "lobby")).toEqual(["bob: x"]);
});

test("N2 N8 an item of another epoch is refused, and those after it keep their order", async () => {
  await using api = await startMemberServer();
  await api.as("bob", "POST /conversations/lobby/messages", { text: "0" });
  const { epoch } = (await api.as("bob", "GET /conversations/lobby")).body;
  const items = [
    { conversation: "lobby", id: "m1", text: "1" },
    { conversation: "lobby", id: "m2", text: "2", epoch },
    { conversation: "lobby", id: "m3", text: "3", epoch: "other.0" },
    { conversation: "lobby", id: "m4", text: "4" },
  ];
  const { body } = await api.as("bob", "POST /messages", items);
  expect(body.results[2]).toEqual({
    ...{ conversation: "lobby", id: "m3", code: "conflict", message: expect.any(String), epoch },
  });
  const single = await api.as("bob", "POST /conversations/lobby/messages", { text: "5", epoch: "other.0" });
  expect(single).toMatchObject({ status: 409, body: { code: "conflict", epoch } });
  expect(await stored(api, "lobby")).toEqual(["bob: 0", "bob: 1", "bob: 2", "bob: 4"]);
});
