import { describe, expect, test } from "bun:test";
import type { ClientFrameOf } from "../../src/protocol/client-frames.ts";
import { decodeClientFrame, decodeFrameObject } from "../../src/protocol/decode.ts";
import { MAX_DATA_DEPTH, MAX_DATA_VALUES } from "../../src/protocol/limits.ts";

/** The error for a text that is no frame. */
function faultOf(text: string) {
  const { error } = decodeClientFrame(text);
  if (error === undefined) throw new Error(`${text.slice(0, 80)} was taken.`);
  return error;
}

function dataOf(json: string): ClientFrameOf<"message">["data"] {
  const { frame, error } = decodeClientFrame(`{"type":"message","text":"x","data":${json}}`);
  if (frame?.type !== "message") throw new Error(error?.message);
  return frame.data;
}

function messageWith(json: string): string {
  return `{"type":"message","text":"x","id":"m1","data":${json}}`;
}

/** An object in an object …, `depth` of them. */
function nested(depth: number): string {
  return `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
}

describe("M1 the reason of an erasure, which others read", () => {
  const erasure = (reason: string) => JSON.stringify({ type: "erase", seq: 1, id: "e1", reason });

  test("is bounded by its characters, and has none that are hidden", () => {
    expect(decodeClientFrame(erasure("😀".repeat(200))).frame?.type).toBe("erase");
    for (const [reason, says] of [
      ["😀".repeat(201), "200 characters"],
      ["one\ntwo", "control characters"],
      ["right \u202eot tfel", "direction of writing"],
    ] as const)
      expect(faultOf(erasure(reason)).message).toContain(says);
  });
});

describe("M1 texts that are not a frame", () => {
  const FAULTS: readonly (readonly [text: string, code: string, says: string])[] = [
    ["", "malformed", "not JSON"],
    ["hello", "malformed", "not JSON"],
    ['{"type":"ping"}{"type":"ping"}', "malformed", "not JSON"],
    ["\u0000", "malformed", "not JSON"],
    ["[1]", "malformed", "not a JSON object"],
    ["null", "malformed", "not a JSON object"],
    ['"ping"', "malformed", "not a JSON object"],
    ["{}", "malformed", "`type`"],
    ['{"type":7}', "malformed", "`type`"],
    ['{"type":"shout"}', "unknown_type", '"shout"'],
    ['{"type":"welcome"}', "unknown_type", "message, history"],
    ['{"type":"message"}', "invalid", "`text`: must not be empty in a message without `data`."],
    ['{"type":"message","text":""}', "invalid", "`text`: must not be empty in a message without `data`."],
    ['{"type":"message","text":null,"data":{}}', "invalid", "`text`: must be a string"],
    ['{"type":"message","text":"x","id":""}', "invalid", "`id`"],
    ['{"type":"message","text":"x","id":"ä"}', "invalid", "`id`"],
    ['{"type":"message","text":"x","data":[]}', "invalid", "`data`: must be a JSON object"],
    ['{"type":"message","text":"x","data":null}', "invalid", "`data`"],
    ['{"type":"history","limit":201}', "invalid", "`limit`: must be 200 or less"],
    ['{"type":"history","limit":0}', "invalid", "`limit`"],
    ['{"type":"history","before":1.5}', "invalid", "`before`"],
    ['{"type":"history","before":9,"after":1}', "invalid", "`after`"],
    ['{"type":"ping","id":7}', "invalid", "`id`: must be 1–64 printable ASCII characters."],
    ['{"type":"read","seq":1,"conversation":7}', "invalid", "`conversation`: must be 1–128 characters of"],
    ['{"type":"open"}', "invalid", "`conversations`: must be a list."],
    [
      '{"type":"open","conversations":["lobby"]}',
      "invalid",
      "`conversations.0`: must be an object with a `conversation`.",
    ],
    [
      '{"type":"open","conversations":[{}]}',
      "invalid",
      "`conversations.0.conversation`: must be 1–128 characters of",
    ],
    ['{"type":"close","conversations":[{}]}', "invalid", "`conversations.0`: must be 1–128 characters of"],
    ['{"type":"inbox","after":5}', "invalid", "`after`: must be a string."],
  ];
  for (const [text, code, says] of FAULTS)
    test(`M1 ${JSON.stringify(text)} is ${code}`, () =>
      expect(faultOf(text)).toMatchObject({ code, message: expect.stringContaining(says) }));

  test("M1 the reply has the sender's id if there is one, and no invented one", () => {
    expect(faultOf('{"type":"message","id":"m1"}').id).toBe("m1");
    expect(faultOf('{"type":"shout","id":"m1"}').id).toBe("m1");
    expect(faultOf(`{"type":"message","id":"${"a".repeat(65)}"}`)).not.toHaveProperty("id");
    expect(faultOf('{"type":"message","id":{"a":1}}')).not.toHaveProperty("id");
  });

  test("B3 an unknown type of any length is repeated in part only", () => {
    expect(faultOf(`{"type":"${"a".repeat(60_000)}"}`).message.length).toBeLessThan(300);
  });

  test("a message of data alone has an empty text", () => {
    const frame = { type: "message", text: "", id: "m1", data: { kind: "wave" } } as const;
    const { text: _, ...bare } = frame;
    for (const sent of [frame, bare]) expect(decodeClientFrame(JSON.stringify(sent))).toEqual({ frame });
    expect(decodeClientFrame('{"type":"message","data":{}}').frame).toEqual({
      type: "message",
      text: "",
      data: {},
    });
  });

  test("unknown fields are ignored, so that a newer client can use an older server", () => {
    expect(decodeClientFrame('{"type":"activity","mood":"good"}').frame).toEqual({ type: "activity" });
  });
});

describe("M1 too much structure is refused before parsing", () => {
  const deep = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

  // A frame of 64 KB can nest 32,000 deep: serializing the result blocked the event loop for seconds.
  test.each([33, 700, 32_000])("M1 a frame that nests %d deep, in any position", (depth) => {
    for (const field of ["text", "data", "unknown"])
      expect(
        faultOf(`{"type":"message","id":"m1","${field}":${deep(depth)},"pad":"${" ".repeat(512)}"}`),
      ).toEqual({
        code: "too_large",
        message: "The JSON is deeper than 32 levels or holds over 8192 values.",
        id: "m1",
      });
  });

  test("M1 a frame with more values than the limit", () => {
    expect(faultOf(`{"type":"message","text":[${"1,".repeat(9000)}1]}`).code).toBe("too_large");
    const fields = Array.from({ length: 9000 }, (_, index) => `"${index}":1`).join();
    expect(faultOf(`{"type":"message","text":"x","unknown":{${fields}}}`).code).toBe("too_large");
  });

  test("M1 brackets, commas and quotes inside a text are no structure", () => {
    const text = `${"[{".repeat(9000)},,\\\\"${'"'.repeat(9000)}`;
    const frame = { type: "message", text, id: "m1" };
    expect(decodeClientFrame(JSON.stringify(frame))).toEqual({ frame } as never);
  });
});

describe("D6 a number in `data` arrives unchanged, or is refused", () => {
  const REFUSED = [
    "1285704473650888702",
    "9007199254740993",
    "-9007199254740993",
    "123456789012345678901234567890",
    "9007199254740993.0",
    "9007199254740993e0",
    "1152921504606846976",
    `1${"0".repeat(400)}`,
  ];
  test.each(REFUSED)("D6 %s would lose digits", (number) => {
    for (const data of [`{"n":${number}}`, `{"a":[{"n":${number}}]}`, `{"n":1e20,"m":${number}}`])
      expect(faultOf(messageWith(data))).toMatchObject({ code: "invalid", id: "m1" });
  });

  const TAKEN = [
    "0",
    "-0",
    "9007199254740991",
    "9007199254740992",
    "1e20",
    "100000000000000000000",
    "6.02214076e23",
    "1E300",
    "1.5",
    "0.1",
    "9007199254740993.5",
    "12345678901234567890.25",
  ];
  test.each(TAKEN)("D6 %s is accepted", (number) => {
    expect(dataOf(`{"n":${number}}`)).toEqual({ n: JSON.parse(number) });
  });

  test("D6 a number in an unknown field is not checked", () => {
    expect(
      decodeClientFrame('{"type":"message","text":"x","data":{"n":1e20},"x":9007199254740993}').error,
    ).toBeUndefined();
  });
});

// Connected members got the lone half, and the history had U+FFFD: one message, two texts.
test("M1 a text with half of a surrogate pair is refused, a whole pair is accepted", () => {
  expect(faultOf('{"type":"message","text":"a\\ud800b","id":"m1"}')).toMatchObject({
    code: "invalid",
    id: "m1",
  });
  expect(decodeClientFrame('{"type":"message","text":"\\ud83d\\ude00"}').frame).toMatchObject({
    text: "\u{1f600}",
  });
});

// A strict parser of another language refuses the whole frame, so that one user could keep a conversation from it.
test.each(['{"a":"\\ud800"}', '{"a":[{"b":"x\\uDFFFy"}]}', '{"\\udfff":1}', '{"a":{"x\\uD800":1}}'])(
  "D6 M1 half of a surrogate pair in `data` is refused: %s",
  (data) => {
    expect(faultOf(messageWith(data))).toMatchObject({ code: "invalid", id: "m1" });
  },
);

test("D6 a whole pair in `data` is accepted, in a name, too", () => {
  expect(dataOf('{"\\ud83d\\ude00":["\\uD83D\\uDE00"]}')).toEqual({ "\u{1f600}": ["\u{1f600}"] });
});

// A frame of 12 KB with 4,000 empty lists cost 9 ms of a recursive schema, acked as a duplicate and charged nothing.
test("M1 each value of `data` is checked once, not by a schema of every value", () => {
  let looks = 0;
  const handler: ProxyHandler<never[]> = {
    ownKeys(target) {
      looks++;
      return Reflect.ownKeys(target);
    },
    get(target, name, receiver) {
      looks++;
      return Reflect.get(target, name, receiver);
    },
    getPrototypeOf(target) {
      looks++;
      return Reflect.getPrototypeOf(target);
    },
  };
  const counted = () => new Proxy([], handler);
  const values = Array.from({ length: 1000 }, counted);
  const frame = { type: "message", id: "m1", text: "x", data: { values } };
  expect(decodeFrameObject(frame, "{}").frame).toMatchObject({ type: "message", id: "m1" });
  expect(looks).toBeLessThanOrEqual(2 * values.length);
});

describe("M1 B3 data from outside", () => {
  test("B3 it may nest up to the limit, and depth alone cannot overflow the stack", () => {
    expect(dataOf(nested(MAX_DATA_DEPTH))).toBeDefined();
    expect(faultOf(messageWith(nested(MAX_DATA_DEPTH + 1)))).toMatchObject({ code: "too_large", id: "m1" });
    expect(faultOf(messageWith(`{"a":${"[".repeat(30_000)}${"]".repeat(30_000)}}`)).code).toBe("too_large");
  });

  test("B3 it may hold as many values as the limit", () => {
    const list = (count: number) => `{"a":[${Array(count).fill(0).join()}]}`;
    expect(dataOf(list(MAX_DATA_VALUES - 2))).toBeDefined();
    expect(faultOf(messageWith(list(MAX_DATA_VALUES - 1))).code).toBe("too_large");
  });

  test("M1 `constructor`, `prototype` and the like are names like any other", () => {
    const json = '{"constructor":{"prototype":{"polluted":true}},"toString":1,"hasOwnProperty":null}';
    expect(JSON.stringify(dataOf(json))).toBe(json);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  // The schema left `__proto__` out at every depth without a word: the sender had an ack for a message of which part
  // was never stored or delivered.
  test("M1 a field called `__proto__` is refused in any position, and pollutes nothing", () => {
    for (const json of [
      '{"__proto__":{"polluted":true}}',
      '{"a":[{"__proto__":1}]}',
      '{"\\u005f_proto__":{"polluted":true}}',
    ]) {
      expect(faultOf(messageWith(json))).toEqual({
        code: "invalid",
        message: "`data`: a field cannot be called `__proto__`.",
        id: "m1",
      });
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("M1 a `__proto__` next to the fields adds none to the frame", () => {
    expect(faultOf('{"__proto__":{"text":"lent"},"type":"message"}').code).toBe("invalid");
    expect(faultOf('{"__proto__":{"type":"ping"}}').code).toBe("malformed");
    expect(faultOf('{"type":"__proto__"}').code).toBe("unknown_type");
    expect(faultOf('{"type":"constructor"}').code).toBe("unknown_type");
  });

  test("M1 a number that JSON can write but not represent is refused, and never becomes null", () => {
    expect(faultOf(messageWith('{"a":[1e999]}'))).toMatchObject({
      code: "invalid",
      message: "`data`: a number in it is too large.",
    });
    expect(faultOf(messageWith('{"a":-1e999}')).code).toBe("invalid");
    expect(JSON.stringify(dataOf('{"a":1e308}'))).toBe('{"a":1e+308}');
  });
});
