import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "../../../../support/clients/join.ts";
import { type Answer, startMemberServer } from "../members/member-api.ts";

// One server for all cases; each has a conversation of its own.
let api: Awaited<ReturnType<typeof startMemberServer>>;
let conversations = 0;

beforeAll(async () => {
  api = await startMemberServer({ env: { PLANS: "free:100:5,small:3:5", DEFAULT_PLAN: "free" } });
});

afterAll(() => api[Symbol.asyncDispose]());

const quota = { limit: 100, remaining: expect.any(Number), reset: expect.any(Number) };
const at = expect.any(Number);

/** A new conversation in which a user has sent `count` messages. */
async function begin(user = "anna", count = 1) {
  const name = `http-changes-${++conversations}`;
  const path = `/conversations/${name}/messages`;
  for (let i = 1; i <= count; i++) await api.as(user, `POST ${path}`, { text: `text ${i}`, id: `m${i}` });
  return { name, path };
}

/** An answer as one value: its status, and its body without the sentences, which are for people. */
function brief({ status, body }: Answer): unknown[] {
  const { type, title, status: _, detail, ...fields } = body;
  return [status, fields];
}

describe("changes over HTTP", () => {
  test("CH1 CH4 each verb does what its frame does, and reaches those who have the conversation open", async () => {
    const { name, path } = await begin();
    await using ben = await join(api.server, "ben", { conversation: name });
    const reaction = `${path}/1/reactions/${encodeURIComponent("👍")}`;
    const did = (rev: number) => [200, { seq: 1, rev, at, quota }];
    expect(brief(await api.as("anna", `PATCH ${path}/1`, { text: "new", data: { a: 1 } }))).toEqual(did(1));
    expect(brief(await api.as("ben", `PUT ${reaction}`))).toEqual(did(2));
    expect((await api.as("ben", `GET ${path}/1`)).body).toMatchObject({
      ...{ seq: 1, text: "new", data: { a: 1 }, rev: 2, edited: { at, rev: 1 }, mine: ["👍"] },
      reactions: { "👍": { count: 1, users: ["ben"] } },
    });
    expect((await api.as("ben", `GET ${path}`)).body.mine).toEqual({ 1: ["👍"] });
    expect((await api.as("anna", `GET ${path}`)).body.mine).toBeUndefined();
    expect(brief(await api.as("ben", `DELETE ${reaction}`))).toEqual(did(3));
    expect(brief(await api.as("anna", `DELETE ${path}/1?reason=wrong%20room`))).toEqual(did(4));
    await ben.settled();
    expect(ben.of("change").map(({ rev, kind, by }) => [rev, kind, by])).toEqual([
      [1, "edit", "anna"],
      [2, "react", "ben"],
      [3, "react", "ben"],
      [4, "erase", "anna"],
    ]);
    expect((await api.as("ben", `GET ${path}/1`)).body).toMatchObject({
      text: "",
      erased: { by: "anna", at, reason: "wrong room" },
    });
  });

  test("CH4 what changes nothing is free and has no `rev`; a repeat under an id has that of the first", async () => {
    const { path } = await begin();
    const edit = { text: "new", id: "c1" };
    const { body } = await api.as("anna", `PATCH ${path}/1`, edit);
    const again = await api.as("anna", `PATCH ${path}/1`, edit);
    expect(brief(again)).toEqual([200, { seq: 1, rev: 1, at, duplicate: true, quota }]);
    const same = await api.as("anna", `PATCH ${path}/1`, { text: "new" });
    expect(brief(same)).toEqual([200, { seq: 1, at, duplicate: true, quota }]);
    expect(same.body.quota.remaining).toBe(body.quota.remaining);
  });

  test("CH1 CH4 refusals are problem documents with what a client needs", async () => {
    const { path } = await begin();
    await api.as("anna", `PATCH ${path}/1`, { text: "new" });
    const refused = async (user: string, line: string, body?: object) =>
      brief(await api.as(user, line, body));
    const edit = `PATCH ${path}/1`;
    expect(await refused("anna", edit, { text: "x", if_rev: 0 })).toEqual([
      409,
      { code: "conflict", rev: 1 },
    ]);
    expect(await refused("anna", edit, { text: "x", epoch: "other.0" })).toEqual([
      409,
      { code: "conflict", epoch: expect.any(String) },
    ]);
    expect(await refused("anna", edit, { text: "x", id: "m1" })).toEqual([409, { code: "conflict" }]);
    expect(await refused("ben", edit, { text: "x" })).toEqual([403, { code: "forbidden" }]);
    expect(await refused("ben", `DELETE ${path}/1`)).toEqual([403, { code: "forbidden" }]);
    expect(await refused("ben", `DELETE ${path}/1?epoch=other.0`)).toEqual([
      409,
      { code: "conflict", epoch: expect.any(String) },
    ]);
    expect(await refused("anna", `PATCH ${path}/9`, { text: "x" })).toEqual([404, { code: "not_found" }]);
    await api.as("anna", `DELETE ${path}/1`);
    expect(await refused("anna", edit, { text: "x" })).toEqual([410, { code: "erased" }]);
    expect(await refused("ben", `PUT ${path}/1/reactions/x`)).toEqual([410, { code: "erased" }]);
  });

  test("CH4 requests with a wrong or unknown field are refused, and change nothing", async () => {
    const { path } = await begin();
    for (const [line, body] of [
      [`PATCH ${path}/1`, {}],
      [`PATCH ${path}/1`, { text: "x", txet: "y" }],
      [`PATCH ${path}/1`, { text: "\ud800" }],
      [`PATCH ${path}/1`, { data: [1] }],
      [`PATCH ${path}/1`, { text: "" }],
      [`PATCH ${path}/0`, { text: "x" }],
      [`DELETE ${path}/1?why=x`],
      [`DELETE ${path}/1?reason=a&reason=b`],
      [`PUT ${path}/1/reactions/a%2Fb`],
      [`PUT ${path}/1/reactions/a%20b`],
      [`PUT ${path}/1/reactions/__proto__`],
      [`PUT ${path}/1/reactions/${"x".repeat(65)}`],
      [`PUT ${path}/1/reactions/x?on=true`],
    ] as const)
      expect([line, (await api.as("anna", line, body)).body.code]).toEqual([line, "invalid"]);
    expect((await api.as("anna", `GET ${path}/1`)).body.rev).toBeUndefined();
  });

  test("CH4 a key changes what the user in `from` may change, and erases anything with `manage`", async () => {
    const { path } = await begin("anna", 2);
    expect((await api.as("key", `PATCH ${path}/1`, { text: "x" })).status).toBe(403);
    expect((await api.as("key", `PATCH ${path}/1`, { text: "x", from: "ben" })).status).toBe(403);
    const edited = await api.as("key", `PATCH ${path}/1`, { text: "x", from: "anna" });
    expect(brief(edited)).toEqual([200, { seq: 1, rev: 1, at, quota: null }]);
    expect((await api.as("key", `PUT ${path}/1/reactions/x?from=ben`)).body.rev).toBe(2);
    expect((await api.as("key", `GET ${path}/1`)).body.reactions).toEqual({
      x: { count: 1, users: ["ben"] },
    });
    expect((await api.as("key", `DELETE ${path}/2`)).body.rev).toBe(3);
    expect((await api.as("key", `GET ${path}/2`)).body.erased.by).toBe("backend");
    expect((await api.as("ben", `PUT ${path}/1/reactions/y?from=anna`)).status).toBe(403);
  });

  test("CH4 Q2 a change is charged, and refused without a request left; an erasure is not", async () => {
    const user = "poor";
    const token = await api.server.token(user, { plan: "small" });
    const { path } = await begin();
    const send = (line: string, body?: object) => api.send(token, line, body);
    await send(`POST ${path}`, { text: "a" });
    expect((await send(`PATCH ${path}/2`, { text: "b" })).body.quota.remaining).toBe(1);
    expect((await send(`PUT ${path}/2/reactions/x`)).body.quota.remaining).toBe(0);
    expect(brief(await send(`PATCH ${path}/2`, { text: "c" }))).toEqual([
      429,
      { code: "rate_limited", retry_after: expect.any(Number), quota: { ...quota, limit: 3 } },
    ]);
    expect((await send(`DELETE ${path}/2`)).status).toBe(200);
  });

  test("MB1 a conversation of members shows nothing by changes, whether it exists or not", async () => {
    const name = await api.make();
    const hidden = await api.as("eve", `PATCH /conversations/${name}/messages/1`, { text: "x" });
    const unknown = await api.as("eve", `PATCH /conversations/_${"a".repeat(25)}/messages/1`, { text: "x" });
    expect([hidden.status, hidden.body]).toEqual([unknown.status, unknown.body]);
    expect(hidden.body.code).toBe("forbidden");
  });
});
