import { expect, test } from "bun:test";
import { splitArray } from "../../src/protocol/json.ts";

test("splitArray returns the texts of the items as they stand", () => {
  const items = ['{"a":[1,2],"b":"x,]y"}', ' "say \\"hi\\", ]" ', "12345678901234567890", "[[],{}]", "null"];
  expect(splitArray(`  [${items.join(",")}]\n`, 5)).toEqual(items);
  expect(splitArray("[]", 5)).toEqual([]);
  expect(splitArray("[ ]", 5)).toEqual([]);
  expect(splitArray("[1]", 5)).toEqual(["1"]);
});

test("splitArray refuses what is no array, and one of too many items", () => {
  for (const text of ["", "{}", "1", "[1", "1]", "{]"]) expect(splitArray(text, 5)).toBeUndefined();
  expect(splitArray("[1,2,3,4,5]", 5)).toHaveLength(5);
  expect(splitArray("[1,2,3,4,5,6]", 5)).toBeUndefined();
});

test("an item that splitArray returns of a text that is not JSON is not JSON either", () => {
  for (const text of ["[1,]", "[,1]", "[1],[2]", '["a,1]', "[1 2]", "[{]", '[{"a":1},{"b":]'])
    expect(splitArray(text, 5)!.every(isJson)).toBe(false);
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
