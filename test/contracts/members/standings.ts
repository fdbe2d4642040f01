// Facts and standings.
import { describe, expect, test } from "bun:test";
import type { ConversationChange, ConversationFacts } from "../../../src/core/members/records.ts";
import { BY, begin, type OpenMembers, PRIVATE } from "./subject.ts";

export function standingsContract(open: OpenMembers): void {
  describe("facts and standings", () => {
    test("MB1 a name without facts and messages does not exist; a message makes it exist without facts", async () => {
      await using store = await begin(open);
      const { epoch, ...unknown } = await store.members().read("room", ["ann"]);
      expect(unknown).toMatchObject({
        exists: false,
        facts: undefined,
        seq: 0,
        lastAt: undefined,
        members: 0,
        owners: 0,
        revision: 0,
        now: store.subject.clock.now(),
      });
      expect(epoch).toMatch(/\.0$/);
      const { at } = await store.subject.store("1");
      expect(await store.members().read("room", ["anna"])).toMatchObject({
        exists: true,
        facts: undefined,
        epoch,
        seq: 1,
        lastAt: at,
        standings: new Map(),
      });
    });

    test("MB a conversation is read as it was made, field by field, also after reopening", async () => {
      await using store = await begin(open);
      const facts: ConversationFacts = {
        access: "members",
        title: 'a "title" ü 👍',
        data: { nested: [1, null, { ü: "x" }] },
        direct: ["ann", "bob"],
        at: 17,
      };
      const muted = { ...BY, until: 99, reason: "too loud" };
      await store.change("_made", {
        facts,
        standings: [
          { user: "ann", role: "owner" },
          { user: "bob", role: "member", unopened: true },
          { user: "cem", left: true, muted, banned: BY },
        ],
      });
      const since = store.subject.clock.now();
      const view = {
        exists: true,
        facts,
        seq: 0,
        members: 2,
        owners: 1,
        revision: 1,
        standings: new Map<string, unknown>([
          ["ann", { role: "owner", since }],
          ["bob", { role: "member", since, unopened: true }],
          ["cem", { left: true, muted, banned: BY }],
        ]),
      };
      const users = ["ann", "bob", "cem", "dan"];
      expect(await store.members().read("_made", users)).toMatchObject(view);
      await store.subject.reopen();
      expect(await store.members().read("_made", users)).toMatchObject(view);
      expect((await store.subject.engine.head("_made")).seq).toBe(0);
      expect(await store.subject.store("1", { conversation: "_made", user: "ann" })).toMatchObject({
        seq: 1,
      });
    });

    test("IN many conversations are read for one user, in their order, as each alone is read", async () => {
      await using store = await begin(open);
      const muted = { ...BY, until: 99, reason: "too loud" };
      await store.change("full", {
        facts: { ...PRIVATE, data: { ü: [null] } },
        standings: [{ user: "ann", role: "owner", muted, banned: BY }],
      });
      await store.change("unopened", { standings: [{ user: "ann", role: "member", unopened: true }] });
      await store.change("left", { facts: PRIVATE, standings: [{ user: "ann", left: true }] });
      await store.change("others", { facts: PRIVATE, standings: [{ user: "bob", role: "owner" }] });
      await store.subject.store("1", { conversation: "talk" });
      await store.change("removed", { facts: PRIVATE, standings: [{ user: "ann", role: "owner" }] });
      await store.remove("removed");
      // More than one call to the store reads, and on Cluster in all buckets.
      const unknown = Array.from({ length: 450 }, (_, i) => `unknown-${i}`);
      const names = ["full", ...unknown, "removed", "talk", "others", "left", "unopened", "full"];
      const { views, now } = await store.members().readForUser("ann", names);
      expect(views).toHaveLength(names.length);
      for (const [i, name] of names.entries()) {
        const { facts, standings } = await store.members().read(name, ["ann"]);
        expect([name, views[i]]).toEqual([name, { facts, standing: standings.get("ann") }]);
      }
      expect(views[0]).toEqual({
        facts: { ...PRIVATE, data: { ü: [null] } },
        standing: { role: "owner", since: expect.any(Number), muted, banned: BY },
      });
      expect(now).toBe(store.subject.clock.now());
      expect(await store.members().readForUser("ann", [])).toEqual({
        views: [],
        now: store.subject.clock.now(),
      });
    });

    test("MB a change sets the named fields only; null removes one; `since` is that of the first role", async () => {
      await using store = await begin(open);
      await store.change("room", {
        standings: [{ user: "ann", role: "member", unopened: true, muted: BY }],
      });
      const since = store.subject.clock.now();
      store.subject.clock.advance(5_000);
      await store.change("room", { standings: [{ user: "ann", role: "moderator", banned: BY }] });
      expect(await store.standing("ann")).toEqual({
        role: "moderator",
        since,
        unopened: true,
        muted: BY,
        banned: BY,
      });
      await store.change("room", { standings: [{ user: "ann", role: null, muted: null }] });
      expect(await store.standing("ann")).toEqual({ banned: BY });
      await store.change("room", { standings: [{ user: "ann", role: "member", banned: null }] });
      expect(await store.standing("ann")).toEqual({ role: "member", since: since + 5_000 });
      await store.change("room", { standings: [{ user: "ann", role: null }] });
      expect(await store.standing("ann")).toBeUndefined();
      expect(await store.members().read("room", [])).toMatchObject({ members: 0, owners: 0, revision: 5 });
    });

    test("MB of two changes that were decided on one view only the first is made", async () => {
      await using store = await begin(open);
      const { revision } = await store.members().read("room", []);
      const change = (user: string): ConversationChange => ({
        facts: PRIVATE,
        standings: [{ user, role: "owner" }],
        news: [],
      });
      const results = await Promise.all(
        ["ann", "bob", "cem"].map((user) => store.members().change("room", revision, change(user))),
      );
      expect(results.filter((made) => made)).toHaveLength(1);
      expect(await store.members().read("room", [])).toMatchObject({
        owners: 1,
        members: 1,
        revision: revision + 1,
      });
      expect(await store.members().change("room", revision, change("dan"))).toBe(false);
      expect(await store.standing("dan")).toBeUndefined();
    });

    test("MB names of every character are distinguished, and no part of a name is a command", async () => {
      await using store = await begin(open);
      const names = ["anna", "Anna", "an.na", "an_na", "__proto__", "x@y.example", "a:b", "-", "0"];
      for (const user of names)
        await store.change("room", { standings: [{ user, role: "member", muted: { ...BY, by: user } }] });
      for (const user of names) expect((await store.standing(user))?.muted?.by).toBe(user);
      for (const conversation of names)
        await store.change(conversation, { facts: { ...PRIVATE, title: conversation } });
      for (const conversation of names)
        expect((await store.members().read(conversation, names)).facts?.title).toBe(conversation);
    });
  });
}
