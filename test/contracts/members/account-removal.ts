// The conversations of an account that is removed.
import { describe, expect, test } from "bun:test";
import { leaveConversations } from "../../../src/core/members/account-removal.ts";
import type { Role } from "../../../src/core/members/records.ts";
import { OPERATOR } from "../../../src/core/members/standing.ts";
import type { MemberStore } from "../../../src/core/ports/conversation/members.ts";
import { BY, begin, type OpenMembers, PRIVATE } from "./subject.ts";

export function accountRemovalContract(open: OpenMembers): void {
  describe("an account that is removed", () => {
    async function fill(store: Awaited<ReturnType<typeof begin>>, rooms: Record<string, [string, Role][]>) {
      for (const [room, members] of Object.entries(rooms))
        for (const [user, role] of members) {
          await store.change(room, { facts: PRIVATE, standings: [{ user, role }] });
          store.subject.clock.advance(1_000);
        }
    }

    async function rolesIn(store: Awaited<ReturnType<typeof begin>>, room: string) {
      const { members } = await store.members().members(room, { limit: 9 });
      return Object.fromEntries(members.map(({ user, role }) => [user, role]));
    }

    const ROOMS: Record<string, [string, Role][]> = {
      moderated: [
        ["ben", "member"],
        ["ann", "owner"],
        ["dan", "moderator"],
        ["cem", "moderator"],
      ],
      plain: [
        ["zoe", "member"],
        ["ann", "owner"],
        ["ben", "member"],
      ],
      shared: [
        ["ann", "owner"],
        ["ben", "owner"],
        ["cem", "moderator"],
      ],
      guest: [
        ["ben", "owner"],
        ["ann", "moderator"],
      ],
      alone: [["ann", "owner"]],
      foreign: [["ben", "owner"]],
    };

    test("MB4 leaves each to the oldest moderator, else to the oldest member, and keeps bans", async () => {
      await using store = await begin(open);
      await fill(store, ROOMS);
      await store.change("strict", { facts: PRIVATE, standings: [{ user: "ann", banned: BY }] });
      const leaving = leaveConversations(store.members(), "ann", OPERATOR);
      expect(await leaving).toEqual({ outcome: "left", conversations: 5 });
      expect(await rolesIn(store, "moderated")).toEqual({ ben: "member", cem: "moderator", dan: "owner" });
      expect(await rolesIn(store, "plain")).toEqual({ ben: "member", zoe: "owner" });
      expect(await rolesIn(store, "shared")).toEqual({ ben: "owner", cem: "moderator" });
      expect(await rolesIn(store, "guest")).toEqual({ ben: "owner" });
      expect(await rolesIn(store, "alone")).toEqual({});
      expect(await rolesIn(store, "foreign")).toEqual({ ben: "owner" });
      expect(await store.standing("ann", "strict")).toEqual({ banned: BY });
      expect((await store.members().listSize("ann")).conversations).toBe(0);
      expect(await leaveConversations(store.members(), "ann", OPERATOR)).toEqual({
        outcome: "left",
        conversations: 0,
      });
    });

    test("MB4 when it ends in the middle, the next call leaves the rest", async () => {
      await using store = await begin(open);
      await fill(store, ROOMS);
      const members = store.members();
      let changes = 0;
      const failing = withChange(members, async (...args) => {
        if (++changes > 2) throw new Error("killed");
        return members.change(...args);
      });
      await expect(leaveConversations(failing, "ann", OPERATOR)).rejects.toThrow("killed");
      expect((await members.listSize("ann")).conversations).toBe(3);
      expect(await leaveConversations(members, "ann", OPERATOR)).toEqual({
        outcome: "left",
        conversations: 3,
      });
      expect(await rolesIn(store, "moderated")).toEqual({ ben: "member", cem: "moderator", dan: "owner" });
      expect(await rolesIn(store, "plain")).toEqual({ ben: "member", zoe: "owner" });
    });

    test("MB4 the heir that leaves meanwhile does not become owner", async () => {
      await using store = await begin(open);
      await fill(store, { moderated: ROOMS.moderated! });
      const members = store.members();
      let left = false;
      const racing = withChange(members, async (...args) => {
        if (!left) await store.change("moderated", { standings: [{ user: "dan", role: null }] });
        left = true;
        return members.change(...args);
      });
      expect(await leaveConversations(racing, "ann", OPERATOR)).toEqual({
        outcome: "left",
        conversations: 1,
      });
      expect(await rolesIn(store, "moderated")).toEqual({ ben: "member", cem: "owner" });
    });

    test("MB4 a conversation that others change all the time is named", async () => {
      await using store = await begin(open);
      await fill(store, { alone: ROOMS.alone! });
      const members = store.members();
      const contended = withChange(members, async () => false);
      expect(await leaveConversations(contended, "ann", OPERATOR)).toEqual({
        outcome: "contended",
        conversation: "alone",
      });
    });
  });
}

/** The port with another `change`. */
function withChange(members: MemberStore, change: MemberStore["change"]) {
  return {
    read: (...args: Parameters<MemberStore["read"]>) => members.read(...args),
    oldest: (...args: Parameters<MemberStore["oldest"]>) => members.oldest(...args),
    conversationsOf: (...args: Parameters<MemberStore["conversationsOf"]>) =>
      members.conversationsOf(...args),
    change,
  };
}
