// Removal, and how nodes learn of changes.
import { describe, expect, test } from "bun:test";
import type { ConversationNews } from "../../../src/core/members/records.ts";
import { BY, begin, JOINS, type OpenMembers, PRIVATE, reports, SECOND, watch } from "./subject.ts";

export function changesContract(open: OpenMembers): void {
  describe("removal", () => {
    test("MB6 a removed conversation has no facts, members, mutes or bans, also when its name is used again", async () => {
      await using store = await begin(open);
      await store.change("room", {
        facts: PRIVATE,
        standings: [
          { user: "ann", role: "owner" },
          { user: "bob", muted: BY, banned: BY },
        ],
      });
      const before = await store.members().read("room", []);
      await store.remove("room");
      const after = await store.members().read("room", ["ann", "bob"]);
      expect(after).toMatchObject({
        exists: false,
        facts: undefined,
        members: 0,
        owners: 0,
        standings: new Map(),
      });
      expect(after.revision).toBeGreaterThan(before.revision);
      expect(after.epoch).toBe(before.epoch.replace(/\.0$/, ".1"));
      expect(await store.members().members("room", { limit: 9 })).toEqual({ members: [], more: false });
      expect(await store.members().sanctions("room", "banned", { limit: 9 })).toEqual({
        sanctions: [],
        more: false,
      });
      expect((await store.members().listSize("ann")).conversations).toBe(0);
      const { conversations } = await store.members().conversationsOf("ann", { limit: 9 });
      expect(conversations).toMatchObject([{ conversation: "room", role: undefined }]);
      // The change was decided on the conversation before.
      expect(await store.members().change("room", before.revision, { facts: PRIVATE, news: [] })).toBe(false);
      expect(await store.subject.store("1", { user: "bob", joins: JOINS })).toMatchObject({
        outcome: "stored",
      });
      expect(await store.standing("bob")).toMatchObject({ role: "member" });
      expect(await store.members().read("room", [])).toMatchObject({
        exists: true,
        facts: undefined,
        members: 1,
      });
      await store.change("room", { standings: [{ user: "ann", role: "member" }] });
      expect(await store.standing("ann")).toEqual({ role: "member", since: store.subject.clock.now() });
    });

    test("MB6 a conversation that was made and has no message can be removed", async () => {
      await using store = await begin(open);
      await store.change("_made", { facts: PRIVATE });
      await store.remove("_made");
      expect((await store.members().read("_made", [])).exists).toBe(false);
      await store.change("_made", { facts: { ...PRIVATE, title: "again" } });
      expect(await store.members().read("_made", [])).toMatchObject({
        exists: true,
        facts: { title: "again" },
      });
      await store.remove("_made");
      expect((await store.members().read("_made", [])).epoch).toMatch(/\.2$/);
    });
  });

  describe("watching", () => {
    test("MB2 every change is reported once, in order, also one by another process within a second", async () => {
      await using store = await begin(open);
      const news = watch(store.members());
      const member = (user: string): ConversationNews => ({
        type: "member",
        user,
        change: "banned",
        until: 7,
        by: "ann",
        at: 5,
      });
      const facts: ConversationNews = {
        type: "conversation",
        access: "anyone",
        title: "T",
        data: { a: [1] },
        by: "ann",
        at: 5,
      };
      await store.change("room", { news: [member("bob"), facts] });
      const own = [
        ["room", member("bob")],
        ["room", facts],
      ];
      await reports(news, own);
      const other = await store.openOther();
      for (const user of ["cem", "dan"]) {
        const { revision } = await other.members.read("room", []);
        const standings = [{ user, banned: BY }];
        expect(await other.members.change("room", revision, { standings, news: [member(user)] })).toBe(true);
      }
      await other.close();
      expect(await store.subject.post("1", { user: "dan" })).toEqual({ outcome: "banned" });
      store.subject.clock.advance(SECOND);
      await reports(news, [...own, ["room", member("cem")], ["room", member("dan")]]);
      store.subject.clock.advance(SECOND);
      expect(news).toHaveLength(4);
    });

    test("MB2 a listener that was stopped is not called again", async () => {
      await using store = await begin(open);
      const news: unknown[] = [];
      const stop = store.members().watch((conversation) => news.push(conversation));
      stop();
      await store.change("room", { news: [{ type: "conversation", access: "anyone", at: 1 }] });
      store.subject.clock.advance(SECOND);
      expect(news).toEqual([]);
    });
  });

  test("MB the secret of the store is long, and the same after reopening and for other processes", async () => {
    await using store = await begin(open);
    const secret = await store.members().nameSecret();
    expect(secret).toMatch(/^[0-9a-f]{32,}$/);
    const other = await store.openOther();
    expect(await other.members.nameSecret()).toBe(secret);
    await other.close();
    await store.subject.reopen();
    expect(await store.members().nameSecret()).toBe(secret);
    await using another = await begin(open);
    expect(await another.members().nameSecret()).not.toBe(secret);
  });
}
