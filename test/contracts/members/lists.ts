// Lists of members, mutes, bans, and of the conversations of a user.
import { describe, expect, test } from "bun:test";
import { BY, begin, type OpenMembers, PRIVATE } from "./subject.ts";

export function listsContract(open: OpenMembers): void {
  describe("lists", () => {
    test("MB members are listed by name in pages, with their read marks", async () => {
      await using store = await begin(open);
      const users = ["b", "a", "C", "ab", "a1", "zz"];
      for (const user of users) await store.change("room", { standings: [{ user, role: "member" }] });
      await store.change("room", {
        standings: [
          { user: "ab", role: "owner" },
          { user: "gone", role: "member" },
          { user: "muted", muted: BY },
        ],
      });
      await store.change("room", { standings: [{ user: "gone", role: null, left: true }] });
      await store.subject.fill(3, { user: "b" });
      await store.subject.engine.setReadMark("room", "a", 2);
      const since = store.subject.clock.now();
      const first = await store.members().members("room", { limit: 4 });
      expect(first).toEqual({
        members: [
          { user: "C", role: "member", since },
          { user: "a", role: "member", since, read: 2 },
          { user: "a1", role: "member", since },
          { user: "ab", role: "owner", since },
        ],
        more: true,
      });
      const rest = await store.members().members("room", { after: "ab", limit: 4 });
      expect(rest.members.map(({ user }) => user)).toEqual(["b", "zz"]);
      expect(rest.more).toBe(false);
      expect(await store.members().members("nowhere", { limit: 4 })).toEqual({ members: [], more: false });
    });

    test("MB3 mutes and bans are listed by name while they are in force", async () => {
      await using store = await begin(open);
      const until = store.subject.clock.now() + 1_000;
      await store.change("room", {
        standings: [
          { user: "b", muted: { ...BY, until, reason: "r" }, banned: BY },
          { user: "a", muted: BY },
          { user: "c", role: "member", muted: BY },
          { user: "d", banned: { ...BY, until } },
        ],
      });
      const mutes = (range: { after?: string; limit: number }) =>
        store.members().sanctions("room", "muted", range);
      expect(await mutes({ limit: 2 })).toEqual({
        sanctions: [
          { user: "a", ...BY },
          { user: "b", ...BY, until, reason: "r" },
        ],
        more: true,
      });
      expect(await mutes({ after: "b", limit: 2 })).toEqual({
        sanctions: [{ user: "c", ...BY }],
        more: false,
      });
      store.subject.clock.advance(1_000);
      expect((await mutes({ limit: 9 })).sanctions.map(({ user }) => user)).toEqual(["a", "c"]);
      const bans = await store.members().sanctions("room", "banned", { limit: 9 });
      expect(bans).toEqual({ sanctions: [{ user: "b", ...BY }], more: false });
    });

    test("OA4 the names of all conversations are listed, in pages", async () => {
      await using store = await begin(open);
      const names = ["b", "a", "C", "a:b", "a.b@c", "room", "d"];
      for (const conversation of names.slice(0, 4)) await store.change(conversation, { facts: PRIVATE });
      for (const conversation of names.slice(4)) await store.subject.store("1", { conversation });
      for (const limit of [2, 200]) {
        const found: string[] = [];
        for (let cursor: string | undefined, pages = 0; pages < 200; pages++) {
          const page = await store.members().names(limit, cursor);
          expect(page!.items.length).toBeLessThanOrEqual(limit);
          found.push(...page!.items);
          cursor = page!.next;
          if (cursor === undefined) break;
        }
        expect(found.sort()).toEqual([...names].sort());
      }
    });

    test("MB4 the member of the longest standing is found by role", async () => {
      await using store = await begin(open);
      expect(await store.members().oldest("room", "member", "ann")).toBeUndefined();
      for (const [user, role] of [
        ["zoe", "member"],
        ["ann", "owner"],
        ["bob", "member"],
        ["cem", "moderator"],
      ] as const) {
        await store.change("room", { standings: [{ user, role }] });
        store.subject.clock.advance(1_000);
      }
      expect(await store.members().oldest("room", "member", "ann")).toBe("zoe");
      expect(await store.members().oldest("room", "member", "zoe")).toBe("bob");
      expect(await store.members().oldest("room", "moderator", "ann")).toBe("cem");
      expect(await store.members().oldest("room", "moderator", "cem")).toBeUndefined();
    });

    test("MB5 a user's conversations are listed by name, and those that it left are remembered", async () => {
      await using store = await begin(open);
      const { clock } = store.subject;
      const started = clock.now();
      for (const room of ["b", "a", "C"]) {
        await store.change(room, {
          facts: PRIVATE,
          standings: [{ user: "ann", role: "member", unopened: true }],
        });
        clock.advance(1_000);
      }
      await store.change("other", { standings: [{ user: "bob", role: "owner" }] });
      expect(await store.members().listSize("ann")).toEqual({
        conversations: 3,
        unopened: 3,
        oldestUnopened: "b",
      });
      await store.members().markOpened("b", "ann");
      expect(await store.members().listSize("ann")).toEqual({
        conversations: 3,
        unopened: 2,
        oldestUnopened: "a",
      });
      expect(await store.standing("ann", "b")).toEqual({ role: "member", since: started });
      await store.change("a", { standings: [{ user: "ann", role: null, left: true }] });
      await store.change("b", { standings: [{ user: "ann", role: "moderator" }] });
      const list = await store.members().conversationsOf("ann", { limit: 9 });
      expect(list).toEqual({
        conversations: [
          { conversation: "C", role: "member", since: started + 2_000, changedAt: started + 2_000 },
          { conversation: "a", role: undefined, changedAt: started + 3_000 },
          { conversation: "b", role: "moderator", since: started, changedAt: started + 3_000 },
        ],
        more: false,
      });
      const page = await store.members().conversationsOf("ann", { after: "C", limit: 1 });
      expect(page.conversations.map(({ conversation }) => conversation)).toEqual(["a"]);
      expect(page.more).toBe(true);
      expect(await store.members().listSize("ann")).toEqual({
        conversations: 2,
        unopened: 1,
        oldestUnopened: "C",
      });
      expect(await store.members().listSize("nobody")).toEqual({
        conversations: 0,
        unopened: 0,
        oldestUnopened: undefined,
      });
    });
  });
}
