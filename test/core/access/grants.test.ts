import { describe, expect, test } from "bun:test";
import {
  ALL_GRANTS,
  explainMissingRight,
  MAX_GRANTED_CONVERSATIONS,
  readGrants,
} from "../../../src/core/access/grants.ts";

describe("A6 A1 grants: what a token allows", () => {
  test("A6 A1 a token without the claims allows everything", () => {
    expect(readGrants(undefined, undefined)).toEqual({ grants: ALL_GRANTS });
    expect(explainMissingRight(ALL_GRANTS, "any", "read")).toBeUndefined();
    expect(explainMissingRight(ALL_GRANTS, "any", "write")).toBeUndefined();
  });

  test("A6 A1 a conversation is allowed by its name or by a prefix before a `*`, and by nothing else", () => {
    const grants = { conversations: ["lobby", "team-*"] };
    for (const allowed of ["lobby", "team-", "team-7"])
      expect(explainMissingRight(grants, allowed, "read")).toBeUndefined();
    for (const refused of ["Lobby", "lobby2", "lobb", "team", "my-team-7"])
      expect(explainMissingRight(grants, refused, "read")).toBe(
        `This token does not allow the conversation \`${refused}\`.`,
      );
    expect(explainMissingRight({ conversations: ["*"] }, "any", "write")).toBeUndefined();
  });

  test("A6 A1 an empty list allows nothing", () => {
    expect(explainMissingRight({ conversations: [] }, "lobby", "read")).toContain("conversation `lobby`");
    expect(explainMissingRight({ rights: [] }, "lobby", "read")).toContain("right `read`");
  });

  test("A6 A1 reading and writing are granted separately, and the missing one is named", () => {
    expect(explainMissingRight({ rights: ["read"] }, "lobby", "read")).toBeUndefined();
    expect(explainMissingRight({ rights: ["read"] }, "lobby", "write")).toBe(
      "This token does not have the right `write`.",
    );
    expect(explainMissingRight({ rights: ["write"] }, "lobby", "read")).toContain("`read`");
    expect(explainMissingRight({ rights: ["read", "write"] }, "lobby", "write")).toBeUndefined();
  });

  test.each([
    ["a text", "team-*"],
    ["an object", { 0: "lobby" }],
    ["null", null],
    ["something that is not a text", ["lobby", 7]],
    ["an empty name", [""]],
    ["a star that is not last", ["te*m"]],
    ["two stars", ["team-**"]],
    ["a character that no conversation has", ["team/7"]],
    ["a name that is too long", ["x".repeat(129)]],
    ["too many", Array.from({ length: MAX_GRANTED_CONVERSATIONS + 1 }, (_, k) => `room-${k}`)],
  ])("B3 `conversations` that is or has %s is refused", (_, claim) => {
    expect(readGrants(claim, undefined)).toHaveProperty("problem");
  });

  test.each([
    ["a text", "read"],
    ["null", null],
    ["an unknown right", ["read", "admin"]],
    ["more rights than there are", ["read", "read", "write", "manage"]],
  ])("B3 `rights` that is or has %s is refused", (_, claim) => {
    expect(readGrants(undefined, claim)).toHaveProperty("problem");
  });

  test("A6 A1 valid claims are kept unchanged", () => {
    expect(readGrants(["lobby", "team-*", "*"], ["read"])).toEqual({
      grants: { conversations: ["lobby", "team-*", "*"], rights: ["read"] },
    });
  });
});
