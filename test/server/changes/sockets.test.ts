import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Grants } from "../../../src/core/access/grants.ts";
import type { ServerFrame } from "../../../src/protocol/server-frames.ts";
import { signToken } from "../../../src/server/authentication/tokens.ts";
import { SOCKETS } from "../../support/clients/sockets.ts";
import type { TestClient } from "../../support/clients/test-client.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { startMemberServer } from "../http/routes/members/member-api.ts";
import { connectUser, open } from "../socket/user/user-client.ts";

// One server for all cases; each has a conversation of its own.
const clock = new ManualClock();
let api: Awaited<ReturnType<typeof startMemberServer>>;
let conversations = 0;

beforeAll(async () => {
  const env = { PLANS: "free:0:0,small:3:5", DEFAULT_PLAN: "free", EDIT_SECONDS: "60", ...QUIET };
  api = await startMemberServer({ clock, env });
});

afterAll(() => api[Symbol.asyncDispose]());

// The clock is set forward by more than a client may be quiet.
const QUIET = { PING_INTERVAL: "3600", INACTIVITY_TIMEOUT: "0" };

const at = expect.any(Number);
type Connect = (typeof SOCKETS)[number][1];

interface Options {
  readonly query?: string;
  readonly grants?: Grants;
  readonly plan?: string;
}

/** A new conversation, and how users of one kind of socket join it. */
function begin(connect: Connect) {
  const name = `changes-${++conversations}`;
  const join = async (user: string, { query = "", ...claims }: Options = {}): Promise<TestClient> => {
    const token = await signToken(api.server.keys, { subject: user, now: clock.now(), ...claims });
    return connect(`${api.server.wsUrl}/ws/${user}/${name}?token=${token}${query}`);
  };
  const messages = async (user: string) =>
    (await api.as(user, `GET /conversations/${name}/messages?after=0`)).body;
  return { name, join, messages };
}

/** Sends a frame, and returns its `ack` or `error`. */
async function ask(client: TestClient, frame: object): Promise<object> {
  const before = client.frames.length;
  client.send(frame as Record<string, unknown>);
  const answer = () => client.frames.slice(before).find(({ type }) => type === "ack" || type === "error");
  // A busy disk takes longer for a change than many round trips.
  await waitUntil(`an answer to ${JSON.stringify(frame).slice(0, 100)}`, () => answer() !== undefined);
  return answer()!;
}

/** What happened to the messages, as a client saw it. */
function seen(client: TestClient): ServerFrame[] {
  return client.frames.filter(({ type }) => type === "message" || type === "change");
}

/** The code of an error, or the `rev` of an ack. */
async function outcome(client: TestClient, frame: object): Promise<unknown> {
  const answer = (await ask(client, frame)) as { code?: string; rev?: number };
  return answer.code ?? answer.rev;
}

describe.each(SOCKETS)("changes on %s", (_kind, connect) => {
  test("CH1 CH4 messages, edits, reactions and erasures reach everybody in one order, and then come the acks", async () => {
    const { join, messages } = begin(connect);
    await using anna = await join("anna");
    await using ben = await join("ben");
    expect(anna.of("welcome")[0]).toMatchObject({ rev: 0 });
    await ask(anna, { type: "message", id: "m1", text: "hello", data: { a: 1 } });
    const edited = await ask(anna, { type: "edit", seq: 1, text: "hello!", data: null, id: "c1" });
    expect(edited).toEqual({ type: "ack", id: "c1", seq: 1, rev: 1, at, quota: null });
    const reacted = await ask(ben, { type: "react", seq: 1, reaction: "👍", on: true });
    expect(reacted).toEqual({ type: "ack", seq: 1, rev: 2, at, quota: null });
    await ask(ben, { type: "message", id: "m2", text: "hi" });
    await ask(anna, { type: "react", seq: 1, reaction: "👍", on: true });
    await ask(ben, { type: "react", seq: 1, reaction: "👍", on: false });
    await ask(anna, { type: "erase", seq: 1, reason: "wrong room" });
    const summary = (count: number, ...users: string[]) => ({ reactions: { "👍": { count, users } } });
    const set = { text: "hello!", data: null, edited: { at, rev: 1 } };
    const erased = { by: "anna", at, reason: "wrong room" };
    const change = { type: "change", seq: 1, at };
    const story = [
      { type: "message", seq: 1, id: "m1", from: "anna", text: "hello", data: { a: 1 }, at },
      { ...change, rev: 1, kind: "edit", by: "anna", set },
      { ...change, rev: 2, kind: "react", by: "ben", set: summary(1, "ben") },
      { type: "message", seq: 2, id: "m2", from: "ben", text: "hi", at },
      { ...change, rev: 3, kind: "react", by: "anna", set: summary(2, "anna", "ben") },
      { ...change, rev: 4, kind: "react", by: "ben", set: summary(1, "anna") },
      {
        ...change,
        rev: 5,
        kind: "erase",
        by: "anna",
        set: { text: "", data: null, reactions: null, erased },
      },
    ] as const;
    await ben.settled();
    for (const client of [anna, ben]) {
      expect(seen(client)).toEqual(story as never);
      const places = client.frames.map((frame) => ("rev" in frame ? `${frame.type} ${frame.rev}` : ""));
      for (const { rev } of client.of("ack"))
        if (rev !== undefined)
          expect(places.indexOf(`ack ${rev}`)).toBeGreaterThan(places.indexOf(`change ${rev}`));
    }
    expect((await messages("anna")).messages).toEqual([
      { seq: 1, id: "m1", from: "anna", text: "", rev: 5, edited: { at, rev: 1 }, erased, at },
      { seq: 2, id: "m2", from: "ben", text: "hi", at },
    ]);
  });

  test("CH2 a client that comes back gets a fold for each changed message that it has, and the missed messages as they are", async () => {
    const { join } = begin(connect);
    await using anna = await join("anna");
    for (const text of ["a", "b", "c"]) await ask(anna, { type: "message", text });
    await ask(anna, { type: "edit", seq: 3, text: "c2" });
    const ben = await join("ben");
    const { epoch } = ben.of("welcome")[0]!;
    await ask(ben, { type: "react", seq: 2, reaction: "x", on: true });
    await ben[Symbol.asyncDispose]();
    await ask(anna, { type: "edit", seq: 1, text: "a2" });
    await ask(anna, { type: "react", seq: 2, reaction: "y", on: true });
    await ask(anna, { type: "edit", seq: 1, text: "a3" });
    await ask(anna, { type: "message", text: "d" });
    await ask(anna, { type: "edit", seq: 4, text: "d2" });
    // From another device of the user.
    await using other = await join("ben");
    await ask(other, { type: "react", seq: 4, reaction: "z", on: true });
    const back = async (query: string): Promise<[object, ServerFrame[]]> => {
      await using client = await join("ben", { query: `&after=3&epoch=${epoch}${query}` });
      await client.settled();
      const { rev, resumed, reread } = client.of("welcome")[0]!;
      return [{ rev, resumed, reread }, seen(client)];
    };
    const fold = { type: "change", kind: "fold", at };
    const folds = [
      {
        ...{ ...fold, rev: 4, seq: 2, mine: ["x"] },
        set: { text: "b", reactions: { x: { count: 1, users: ["ben"] }, y: { count: 1, users: ["anna"] } } },
      },
      { ...fold, rev: 5, seq: 1, set: { text: "a3", edited: { at, rev: 5 } }, mine: [] },
    ];
    const missed = {
      ...{ type: "message", seq: 4, id: expect.any(String), from: "anna", text: "d2", at },
      ...{ rev: 7, edited: { at, rev: 6 }, reactions: { z: { count: 1, users: ["ben"] } }, mine: ["z"] },
    };
    const welcome = { rev: 7, resumed: true, reread: undefined };
    expect(await back("&rev=2")).toEqual([welcome, [...folds, missed] as never]);
    expect(await back("&rev=2&oldest=2")).toEqual([welcome, [folds[0], missed] as never]);
    expect(await back("&rev=5")).toEqual([welcome, [missed] as never]);
    expect(await back("")).toEqual([welcome, [missed] as never]);
    expect((await back("&rev=9"))[0]).toMatchObject({ resumed: false });
  });

  test("CH2 folds that would be too long do not come, and `reread` says so", async () => {
    const { join } = begin(connect);
    await using anna = await join("anna");
    const { epoch } = anna.of("welcome")[0]!;
    const long = "x".repeat(60_000);
    for (let seq = 1; seq <= 20; seq++) {
      await ask(anna, { type: "message", text: `${long}${seq}` });
      await ask(anna, { type: "react", seq, reaction: "x", on: true });
    }
    await using ben = await join("ben", { query: `&after=20&epoch=${epoch}&rev=0` });
    await ben.settled();
    expect(ben.of("welcome")[0]).toMatchObject({ rev: 20, resumed: true, reread: true });
    expect(seen(ben)).toEqual([]);
    await using carl = await join("carl", { query: `&after=20&epoch=${epoch}&rev=3` });
    await carl.settled();
    expect(carl.of("welcome")[0]?.reread).toBeUndefined();
    expect(carl.of("change").map(({ rev }) => rev)).toEqual(Array.from({ length: 17 }, (_, i) => i + 4));
  });

  test("CH2 the newest messages come with the user's own reactions", async () => {
    const { join, messages } = begin(connect);
    await using anna = await join("anna");
    await ask(anna, { type: "message", text: "a" });
    await ask(anna, { type: "react", seq: 1, reaction: "x", on: true });
    await using again = await join("anna", { query: "&last=10" });
    await again.settled();
    const shown = { seq: 1, text: "a", rev: 1, reactions: { x: { count: 1, users: ["anna"] } } };
    expect(again.of("history")).toMatchObject([{ messages: [shown], mine: { 1: ["x"] } }]);
    again.send({ type: "history", id: "h1" });
    while (again.of("history").length < 2) await again.settled();
    expect(again.of("history")[1]).toMatchObject({ messages: [shown], mine: { 1: ["x"] }, id: "h1" });
    await using ben = await join("ben", { query: "&last=10" });
    await ben.settled();
    expect(ben.of("history")[0]).not.toHaveProperty("mine");
    expect(await messages("anna")).toMatchObject({ messages: [shown], mine: { 1: ["x"] } });
  });

  test("CH4 users change their own messages, moderators erase those of others, and without the right to write a user does neither", async () => {
    const { name, join } = begin(connect);
    await using anna = await join("anna");
    await using ben = await join("ben");
    await using reader = await join("carl", { grants: { rights: ["read"] } });
    await using operator = await join("olga", {
      grants: { rights: ["read", "write", "manage"], conversations: [name] },
    });
    for (const text of ["a", "b", "c"]) await ask(anna, { type: "message", text });
    expect(await outcome(ben, { type: "edit", seq: 1, text: "x" })).toBe("forbidden");
    expect(await outcome(ben, { type: "erase", seq: 1 })).toBe("forbidden");
    expect(await outcome(operator, { type: "edit", seq: 1, text: "x" })).toBe("forbidden");
    for (const frame of [
      { type: "edit", seq: 1, text: "x" },
      { type: "erase", seq: 1 },
      { type: "react", seq: 1, reaction: "x", on: true },
    ])
      expect(await outcome(reader, frame)).toBe("forbidden");
    expect(await outcome(operator, { type: "erase", seq: 1 })).toBe(1);
    expect(await outcome(anna, { type: "edit", seq: 1, text: "x" })).toBe("erased");
    expect(await outcome(anna, { type: "edit", seq: 9, text: "x" })).toBe("not_found");
    await api.as("key", `PUT /conversations/${name}/members/ben`, { role: "moderator" });
    expect(await outcome(ben, { type: "erase", seq: 2 })).toBe(2);
    await api.as("key", `PUT /conversations/${name}/mutes/anna`, {});
    expect(await outcome(anna, { type: "edit", seq: 3, text: "x" })).toBe("muted");
    expect(await outcome(anna, { type: "react", seq: 3, reaction: "x", on: true })).toBe("muted");
    expect(await outcome(anna, { type: "erase", seq: 3 })).toBe(3);
  });

  test("CH4 after EDIT_SECONDS only moderators change a message, and reactions go on", async () => {
    const { name, join } = begin(connect);
    await using anna = await join("anna");
    await ask(anna, { type: "message", text: "a" });
    clock.advance(60_000);
    expect(await outcome(anna, { type: "edit", seq: 1, text: "b" })).toBe(1);
    clock.advance(1);
    expect(await outcome(anna, { type: "edit", seq: 1, text: "c" })).toBe("too_late");
    expect(await outcome(anna, { type: "erase", seq: 1 })).toBe("too_late");
    expect(await outcome(anna, { type: "react", seq: 1, reaction: "x", on: true })).toBe(2);
    await api.as("key", `PUT /conversations/${name}/members/anna`, { role: "moderator" });
    expect(await outcome(anna, { type: "erase", seq: 1 })).toBe(3);
  });

  test("CH1 CH4 `if_rev`, `epoch` and `id` refuse what assumes something else", async () => {
    const { join } = begin(connect);
    await using anna = await join("anna");
    const { epoch } = anna.of("welcome")[0]!;
    await ask(anna, { type: "message", id: "m1", text: "a" });
    expect(await ask(anna, { type: "edit", seq: 1, text: "b", if_rev: 0, id: "c1", epoch })).toMatchObject({
      rev: 1,
    });
    expect(await ask(anna, { type: "edit", seq: 1, text: "c", if_rev: 0, id: "c2" })).toEqual({
      ...{ type: "error", code: "conflict", message: expect.any(String), id: "c2", rev: 1 },
    });
    expect(await ask(anna, { type: "erase", seq: 1, epoch: "other.0", id: "c3" })).toEqual({
      ...{ type: "error", code: "conflict", message: expect.any(String), id: "c3", epoch },
    });
    expect(await ask(anna, { type: "message", text: "x", epoch: "other.0", id: "m2" })).toEqual({
      ...{ type: "error", code: "conflict", message: expect.any(String), id: "m2", epoch },
    });
    // A mark of another epoch has no reply, and does nothing: the next one is the first that comes.
    anna.send({ type: "read", seq: 1, epoch: "other.0" });
    anna.send({ type: "read", seq: 1, epoch });
    await using ben = await join("ben");
    expect(await ask(ben, { type: "message", text: "y", epoch, id: "m3" })).toMatchObject({ seq: 2 });
    anna.send({ type: "read", seq: 2, epoch: "other.0" });
    expect(await ask(anna, { type: "message", text: "z", epoch })).toMatchObject({ seq: 3 });
    expect(ben.of("read")).toEqual([]);
    const repeat = await ask(anna, { type: "edit", seq: 1, text: "b", if_rev: 0, id: "c1" });
    expect(repeat).toEqual({ type: "ack", id: "c1", seq: 1, rev: 1, at, duplicate: true, quota: null });
    const same = await ask(anna, { type: "edit", seq: 1, text: "b" });
    expect(same).toEqual({ type: "ack", seq: 1, at, duplicate: true, quota: null });
    expect(await ask(anna, { type: "react", seq: 1, reaction: "x", on: true, id: "m1" })).toMatchObject({
      code: "conflict",
      id: "m1",
    });
    expect(await ask(anna, { type: "message", text: "a", id: "c1" })).toMatchObject({
      code: "conflict",
      id: "c1",
    });
  });

  test("CH4 a change is charged once, and what changes nothing is free; an erasure goes on without a request", async () => {
    const { join } = begin(connect);
    await using anna = await join(`small-${conversations}`, { plan: "small" });
    const left = async (frame: object): Promise<unknown> => {
      const answer = (await ask(anna, frame)) as { code?: string; quota?: { remaining: number } };
      return answer.code ?? answer.quota?.remaining;
    };
    expect(await left({ type: "message", text: "a" })).toBe(2);
    expect(await left({ type: "edit", seq: 1, text: "b", id: "c1" })).toBe(1);
    expect(await left({ type: "edit", seq: 1, text: "b", id: "c1" })).toBe(1);
    expect(await left({ type: "edit", seq: 1, text: "b" })).toBe(1);
    expect(await left({ type: "react", seq: 1, reaction: "x", on: true })).toBe(0);
    expect(await left({ type: "edit", seq: 1, text: "c" })).toBe("rate_limited");
    expect(await left({ type: "erase", seq: 1 })).toBe(0);
  });

  test("MX3 MB6 a conversation that is removed ends for the user who changes a message in it, and begins again without changes", async () => {
    const { name, join } = begin(connect);
    await using anna = await join("anna");
    await ask(anna, { type: "message", text: "a" });
    await ask(anna, { type: "edit", seq: 1, text: "b" });
    await api.as("key", `DELETE /conversations/${name}`);
    clock.advance(1_000);
    await using again = await join("anna");
    expect(again.of("welcome")[0]).toMatchObject({ seq: 1, rev: 0 });
    await ask(again, { type: "message", text: "c" });
    expect(await outcome(again, { type: "edit", seq: 1, text: "d" })).toBe("not_found");
    expect(await outcome(again, { type: "edit", seq: 2, text: "d" })).toBe(1);
  });
});

test("CH1 D1 in a conversation with many readers, each gets the same messages and changes in the same order", async () => {
  const { name, join } = begin(SOCKETS[0]![1]);
  const readers = await Promise.all(Array.from({ length: 6 }, (_, index) => join(`reader-${index}`)));
  const users = await Promise.all([1, 2, 3, 4, 5].map((index) => connectUser(api.server, `user-${index}`)));
  for (const user of users) await open(user, name);
  await using anna = await join("anna");
  await ask(anna, { type: "message", text: "a" });
  const react = { type: "react", seq: 1, reaction: "x" };
  for (let round = 1; round <= 4; round++) {
    // Of one user each, so that readers that got what was published before are sent to alone from here on.
    const [reader, user] = [readers[round]!, users[round]!];
    anna.send({ type: "message", text: `${round}` });
    anna.send({ type: "edit", seq: round, text: `edited ${round}` });
    reader.send({ ...react, on: true });
    user.send({ ...react, conversation: name, on: true });
    await ask(anna, { type: "message", text: `${round}, again` });
    await ask(reader, { ...react, on: false });
  }
  const place = (frame: ServerFrame) =>
    frame.type === "change" ? `c${frame.rev}` : `m${"seq" in frame && frame.seq}`;
  await waitUntil("all is announced", () => seen(anna).length >= 25);
  const expected = seen(anna).map(place);
  expect(expected).toHaveLength(25);
  for (const client of [...readers, ...users]) {
    await waitUntil("each reader has it", () => seen(client).length >= 25);
    expect(seen(client).map(place)).toEqual(expected);
    await client[Symbol.asyncDispose]();
  }
});

test("MX3 changes need no open conversation, and who has none open gets none", async () => {
  const { name, join } = begin(SOCKETS[0]![1]);
  await using ben = await join("ben");
  await using anna = await connectUser(api.server, "anna");
  const about = { conversation: name };
  anna.send({ type: "message", ...about, id: "m1", text: "a" });
  anna.send({ type: "edit", ...about, seq: 1, text: "b", id: "c1" });
  anna.send({ type: "react", ...about, seq: 1, reaction: "x", on: true, id: "c2" });
  anna.send({ type: "edit", ...about, seq: 2, text: "b", id: "c3" });
  anna.send({ type: "edit", conversation: `_${"a".repeat(25)}`, seq: 1, text: "b", id: "c4" });
  anna.send({ type: "edit", seq: 1, text: "b", id: "c5" });
  while (anna.of("ack").length + anna.of("error").length < 6) await anna.settled();
  const answers = [...anna.of("ack"), ...anna.of("error")].map((frame) => [
    frame.id,
    frame.type === "ack" ? frame.rev : frame.code,
  ]);
  expect(new Map(answers as [string, unknown][])).toEqual(
    new Map<string, unknown>([
      ["m1", undefined],
      ["c1", 1],
      ["c2", 2],
      ["c3", "not_found"],
      ["c4", "forbidden"],
      ["c5", "invalid"],
    ]),
  );
  await ben.settled();
  expect(seen(ben).map(({ type }) => type)).toEqual(["message", "change", "change"]);
});
