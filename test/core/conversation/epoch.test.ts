import { expect, test } from "bun:test";
import { epochOf, relationOf } from "../../../src/core/conversation/epoch.ts";

test("MB6 an epoch has the store's id and the number of removals; a smaller number of the same store is a removal", () => {
  expect(epochOf("a1b2", 3)).toBe("a1b2.3");
  expect(relationOf("a.3", "a.3")).toBe("same");
  expect(relationOf("a.3", "a.10")).toBe("removed");
  expect(relationOf("a.10", "a.3")).toBe("lost");
  expect(relationOf("b.0", "a.3")).toBe("lost");
  expect(relationOf("a", "a.0")).toBe("lost");
  // An id with a dot in it is accepted.
  expect(relationOf("a.b.1", "a.b.2")).toBe("removed");
});
