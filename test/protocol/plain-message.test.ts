import { expect, test } from "bun:test";
import { encodeMessageBody } from "../../src/core/conversation/entry.ts";
import { decodeClientFrame, decodeFrameObject } from "../../src/protocol/decode.ts";
import { readPlainMessage } from "../../src/protocol/plain-message.ts";
import { Random, seeds } from "../support/random.ts";

/** Characters that JSON escapes, that names may not have, and that only look as if they ended a value. */
const PIECES = [
  "a",
  "Z",
  "7",
  ".",
  " ",
  '"',
  "\\",
  "\\u0041",
  "\n",
  "\u0000",
  "\u001f",
  "\u007f",
  "\u2028",
  "ü",
  "🙂",
  "\ud83d",
];
const LOOKALIKES = ['","text":"', '"}', '{"type":"message","id":"', "", "..", ":", "}"];

/** Reads a text as every other frame is read. */
function readByParsing(text: string) {
  let value: object;
  try {
    value = JSON.parse(text);
  } catch {
    return { error: "malformed" };
  }
  return decodeFrameObject(value, text);
}

/** The frame without `encodedText`, which must be what is stored of it. */
function readHere(text: string) {
  const result = decodeClientFrame(text);
  if (result.frame === undefined) return result.error.code === "malformed" ? { error: "malformed" } : result;
  if (result.frame.type !== "message") return result;
  const { encodedText, ...frame } = result.frame;
  if (encodedText !== undefined) expect(encodedText).toBe(encodeMessageBody(frame.text));
  return { frame };
}

test("M1 a message as JSON.stringify writes it is read without its JSON", () => {
  for (const frame of [
    { type: "message", id: "m1", text: "hello" },
    { type: "message", conversation: "team:a@b.c", id: "a b~", text: "grüß 🙂 \u2028 \u007f" },
  ] as const) {
    const text = JSON.stringify(frame);
    expect(readPlainMessage(text)).toEqual({ ...frame, encodedText: encodeMessageBody(frame.text) });
  }
});

test("M1 any other frame is left to the schema", () => {
  for (const text of [
    '{"type":"message","text":"hello","id":"m1"}',
    '{"type":"message","id":"m1","text":""}',
    '{"type":"message","id":"","text":"hello"}',
    '{"type":"message","id":"ä","text":"hello"}',
    '{"type":"message","id":"m\\u0031","text":"hello"}',
    '{"type":"message","id":"m1","text":"a\\nb"}',
    '{"type":"message","id":"m1","text":"a\nb"}',
    '{"type":"message","id":"m1","text":"a","data":{"b":"c"}}',
    '{"type":"message","id":"m1","text":"a","id":"m2"}',
    '{"type":"message","conversation":"..","id":"m1","text":"a"}',
    '{"type":"message","conversation":"a b","id":"m1","text":"a"}',
    '{"type":"message","id":"m1","text":"\ud83d"}',
    '{"type":"message","id":"m1","text":"a"} ',
    '{"type":"message","id":"m1","text":"a"',
    '{"type":"message","id":"m1',
    '{"type":"message","id":"',
    '{"type":"message","conversation":"a","id":"',
    '{"type":"message",}',
    '{"type":"ping","id":"m1","text":"a"}',
  ])
    expect(readPlainMessage(text)).toBeUndefined();
});

for (const seed of seeds(1, 2, 3, 4))
  test(`M1 random texts are read as by parsing them (seed ${seed})`, () => {
    const random = new Random(seed);
    const word = (most: number) => {
      let text = "";
      for (let i = random.between(0, most); i > 0; i--)
        text +=
          random.between(0, 9) < 7 ? random.pick(["a", "b", "c"]) : random.pick([...PIECES, ...LOOKALIKES]);
      return text;
    };
    /** As JSON, or as it is. */
    const written = (text: string) => (random.between(0, 3) > 0 ? JSON.stringify(text) : `"${text}"`);
    let plain = 0;
    for (let i = 0; i < 5_000; i++) {
      const conversation = random.between(0, 1) === 0 ? "" : `"conversation":${written(word(3))},`;
      const rest = random.between(0, 19) === 0 ? `,"reply_to":${random.between(0, 2)}` : "";
      const text = `{"type":"message",${conversation}"id":${written(word(3))},"text":${written(word(4))}${rest}}`;
      expect(readHere(text)).toEqual(readByParsing(text) as ReturnType<typeof readHere>);
      if (readPlainMessage(text) !== undefined) plain++;
    }
    expect(plain).toBeGreaterThan(500);
  });
