// Posts, which are decided on the standings.
import { describe, expect, test } from "bun:test";
import type { StreamEndResult, StreamStartResult } from "../../../src/core/ports/conversation/streams.ts";
import { BY, begin, JOINS, type OpenMembers, PRIVATE, reports, watch } from "./subject.ts";

export function postsContract(open: OpenMembers): void {
  describe("posts", () => {
    test("MB1 in a conversation of members only members may speak; the refused message is neither stored nor charged", async () => {
      await using store = await begin(open);
      await store.change("room", { facts: PRIVATE, standings: [{ user: "ann", role: "member" }] });
      expect(await store.subject.post("1", { user: "eve", limit: 10, joins: JOINS })).toEqual({
        outcome: "forbidden",
      });
      expect((await store.subject.engine.quota("eve", 10))?.remaining).toBe(10);
      expect(await store.subject.store("1", { user: "ann" })).toMatchObject({ seq: 1 });
      expect(await store.subject.store("1", { user: "backend", exempt: true, joins: JOINS })).toMatchObject({
        seq: 2,
      });
      expect(await store.standing("backend")).toBeUndefined();
      expect(await store.standing("eve")).toBeUndefined();
    });

    test("MB2 after the answer to a ban no message of the user is stored, and a ban that races posts is decided once", async () => {
      await using store = await begin(open);
      await store.subject.store("first", { user: "bob", joins: JOINS });
      const ban = store.change("room", { standings: [{ user: "bob", role: null, banned: BY }] });
      const racing = Array.from({ length: 50 }, (_, i) => store.subject.post(`racing ${i}`, { user: "bob" }));
      await ban;
      const { seq } = await store.members().read("room", []);
      const late = await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.subject.post(`late ${i}`, { user: "bob", joins: JOINS })),
      );
      expect(new Set(late.map(({ outcome }) => outcome))).toEqual(new Set(["banned"]));
      const outcomes = (await Promise.all(racing)).map(({ outcome }) => outcome);
      const stored = outcomes.filter((outcome) => outcome === "stored").length;
      expect(outcomes.slice(0, stored)).toEqual(Array(stored).fill("stored"));
      expect(outcomes.slice(stored)).toEqual(Array(50 - stored).fill("banned"));
      expect((await store.subject.engine.head("room")).seq).toBe(1 + stored);
      expect(seq).toBeLessThanOrEqual(1 + stored);
      expect(await store.subject.post("key", { user: "bob", exempt: true })).toEqual({ outcome: "banned" });
      // Of what was stored before nothing is said either.
      for (const id of ["first", "new"])
        expect(await store.subject.consider(id, { user: "bob" })).toEqual({ outcome: "banned" });
      expect(await store.standing("bob")).toEqual({ banned: BY });
      expect(await store.subject.store("1", { user: "ann" })).toMatchObject({ seq: 2 + stored });
    });

    test("MB2 MB3 no read mark of a banned or removed user is stored, and one of a muted user is", async () => {
      await using store = await begin(open);
      const { engine } = store.subject;
      for (const user of ["bob", "cem", "dan"]) await store.subject.store("1", { user, joins: JOINS });
      const standings = [
        { user: "bob", banned: BY },
        { user: "cem", muted: BY },
      ];
      await store.change("room", { standings });
      expect(await engine.setReadMark("room", "bob", 3)).toBeUndefined();
      expect(await engine.setReadMark("room", "bob", 3, undefined, true)).toBeUndefined();
      expect(await engine.setReadMark("room", "cem", 3)).toBe(3);
      expect(await engine.setReadMark("room", "dan", 2)).toBe(2);
      await store.change("room", { facts: PRIVATE, standings: [{ user: "dan", role: null }] });
      expect(await engine.setReadMark("room", "dan", 3)).toBeUndefined();
      expect(await engine.setReadMark("room", "dan", 3, undefined, true)).toBe(3);
      const marks = await engine.readMarks("room", ["bob", "cem", "dan"]);
      expect([...marks].sort()).toEqual([
        ["cem", 3],
        ["dan", 3],
      ]);
    });

    test("ST3 MB2 the end of a stream is decided on its writer's standing, also after the store was opened again", async () => {
      await using store = await begin(open);
      const start = (user: string, exempt: boolean) =>
        new Promise<StreamStartResult>((done) =>
          store.subject.engine.streams.start({ conversation: "room", user, id: "a", limit: 0, exempt }, done),
        );
      const end = (result: StreamStartResult) => {
        if (result.outcome !== "started") throw new Error(result.outcome);
        const { stream, generation } = result;
        const writer = { conversation: "room", stream, generation };
        return new Promise<StreamEndResult>((done) =>
          store.subject.engine.streams.end({ ...writer, appends: [], state: undefined, limit: 0 }, done),
        );
      };
      const muted = await start("bob", false);
      const mutedKey = await start("key", true);
      const bannedKey = await start("other", true);
      await store.change("room", {
        standings: [
          { user: "bob", muted: BY },
          { user: "key", muted: BY },
          { user: "other", banned: BY },
        ],
      });
      await store.subject.reopen();
      expect(await end(muted)).toEqual({ outcome: "fenced", seq: 1 });
      expect(await end(mutedKey)).toMatchObject({ outcome: "stored", seq: 2 });
      expect(await end(bannedKey)).toEqual({ outcome: "fenced", seq: 3 });
      const states = (await store.subject.read()).messages.map(({ stream }) => stream?.state);
      expect(states).toEqual(["interrupted", "done", "interrupted"]);
    });

    test("MB3 a mute ends to the millisecond by the store's time, and binds no key", async () => {
      await using store = await begin(open);
      const { clock } = store.subject;
      await store.subject.store("before", { user: "bob", joins: JOINS, limit: 0 });
      const until = clock.now() + 2_000;
      await store.change("room", { standings: [{ user: "bob", muted: { ...BY, until } }] });
      const refused = { outcome: "muted" as const, until };
      expect(await store.subject.post("1", { user: "bob", limit: 10 })).toEqual(refused);
      expect(await store.subject.post("before", { user: "bob" })).toMatchObject({
        outcome: "duplicate",
        seq: 1,
      });
      expect(await store.subject.store("key", { user: "bob", exempt: true, limit: 0 })).toMatchObject({
        seq: 2,
      });
      clock.advance(1_999);
      expect(await store.subject.post("1", { user: "bob", limit: 10 })).toEqual(refused);
      clock.advance(1);
      expect(await store.subject.post("1", { user: "bob", limit: 10 })).toMatchObject({
        outcome: "stored",
        quota: { remaining: 9 },
      });
      await store.change("room", { standings: [{ user: "bob", muted: BY }] });
      clock.jump(3_600_000);
      expect(await store.subject.post("2", { user: "bob" })).toEqual({ outcome: "muted" });
      await store.change("room", { standings: [{ user: "bob", muted: null }] });
      expect(await store.subject.post("2", { user: "bob" })).toMatchObject({ outcome: "stored" });
    });

    test("MB a user who may join becomes a member with its first message, once, without a new revision", async () => {
      await using store = await begin(open);
      const news = watch(store.members());
      await store.change("room", { standings: [{ user: "cem", left: true, muted: { ...BY, until: 1 } }] });
      const at = store.subject.clock.now();
      for (const id of ["1", "2"]) await store.subject.store(id, { user: "bob", joins: JOINS });
      await store.subject.store("1", { user: "cem", joins: JOINS });
      await store.subject.store("1", { user: "dan" });
      expect(await store.standing("bob")).toEqual({ role: "member", since: at });
      expect(await store.standing("cem")).toEqual({
        role: "member",
        since: at,
        muted: { ...BY, until: 1 },
      });
      expect(await store.standing("dan")).toBeUndefined();
      expect(await store.members().read("room", [])).toMatchObject({ members: 2, owners: 0, revision: 1 });
      const joined = (user: string) => [
        "room",
        { type: "member", user, change: "added", role: "member", at, spoke: true },
      ];
      await reports(news, [joined("bob"), joined("cem")]);
      expect((await store.members().listSize("bob")).conversations).toBe(1);
    });

    test("MB5 a full list refuses no message; its sender does not become a member", async () => {
      await using store = await begin(open);
      const joins = { members: 2, conversations: 2 };
      for (const user of ["ann", "bob", "cem"]) await store.subject.store("1", { user, joins });
      expect(await store.standing("cem")).toBeUndefined();
      expect((await store.members().read("room", [])).members).toBe(2);
      for (const conversation of ["second", "third"])
        await store.subject.store("1", { user: "ann", conversation, joins });
      expect(await store.standing("ann", "second")).toMatchObject({ role: "member" });
      expect(await store.standing("ann", "third")).toBeUndefined();
    });

    test("MB a name that only the server may give begins no conversation by a message", async () => {
      await using store = await begin(open);
      const room = { conversation: "_unknown", mustExist: true, joins: JOINS, limit: 10 };
      expect(await store.subject.post("1", room)).toEqual({ outcome: "forbidden" });
      expect((await store.subject.engine.quota("anna", 10))?.remaining).toBe(10);
      expect((await store.members().read("_unknown", ["anna"])).exists).toBe(false);
      await store.change("_unknown", { facts: { access: "anyone", at: 1 } });
      expect(await store.subject.post("1", room)).toMatchObject({ outcome: "stored", seq: 1 });
      await store.remove("_unknown");
      expect(await store.subject.post("2", room)).toEqual({ outcome: "forbidden" });
    });
  });
}
