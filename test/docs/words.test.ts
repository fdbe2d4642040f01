import { expect, test } from "bun:test";
import { wordErrors } from "../../docs/checks/words.ts";

/** The words of `text` that are not used in this project. */
function found(text: string): string[] {
  return wordErrors("a.ts", text).map((error) => /^a\.ts:\d+: "([^"]+)"/.exec(error)![1]!);
}

test("finds words in comments, texts and names, whatever their case", () => {
  expect(found("// Told once.")).toEqual(["told"]);
  expect(found('fail("Whoever knocks")')).toEqual(["whoever", "knocks"]);
  expect(found("const lowToldAt = peersHeard + heard_by;")).toEqual(["told", "heard", "heard"]);
  expect(found("beginAnew(); ServerAtHand")).toEqual(["anew", "at hand"]);
});

test("leaves words alone that only contain one of them", () => {
  expect(found("intelligent, shear, satellite, storyteller, hearth, renewed")).toEqual([]);
});

test("finds comments of functions that begin with Answers, and names that were given up", () => {
  expect(found("/** Answers a number. */")).toEqual(["/** Answers"]);
  expect(found("/** One.\n * Answers two.\n */")).toEqual(["* Answers"]);
  expect(found("- Answers to `message` come in order")).toEqual([]);
  expect(found("new LifeKeeper()")).toEqual(["LifeKeeper"]);
});

test("names the file, the line and the words to use instead", () => {
  expect(wordErrors("src/a.ts", "one\ntwo told")).toEqual([
    'src/a.ts:2: "told" is not used here; write: notify, send, report, say, distinguish',
  ]);
});
