import { describe, expect, test } from "bun:test";
import {
  compileFilter,
  type Filter,
  readFilter,
  writeFilter,
} from "../../../src/console/panel/timeline/filter.ts";
import { createRows } from "../../../src/console/panel/timeline/filtered-rows.ts";
import { formatHash, parseHash } from "../../../src/console/shell/address.ts";
import {
  type Annotation,
  conversationOf,
  type Direction,
  type Frame,
} from "../../../src/console/wire/frame.ts";
import { createFrameLog, type FrameLog } from "../../../src/console/wire/frame-log.ts";
import { CLIENT_FRAME_TYPES, SERVER_FRAME_TYPES } from "../../../src/console/wire/frame-types.ts";
import { CLIENT_FRAMES } from "../../../src/protocol/client-frames.ts";
import { SERVER_FRAMES } from "../../../src/protocol/server-frames.ts";

const ALL: Filter = { client: "", conversation: "", direction: "", type: "", find: "", marked: false };

describe("the filter", () => {
  const log = createFrameLog();
  add(log, "c1", "out", "message", '{"type":"message","text":"Hello (you)"}');
  add(log, "c2", "in", "message", '{"type":"message","text":"hello 42"}');
  add(log, "c1", "in", "error", '{"type":"error"}', [
    { kind: "refused", severity: "error", text: "invalid: no." },
  ]);
  add(log, "c2", "line", "close", "1006");

  const cases: readonly [string, Partial<Filter>, readonly number[]][] = [
    ["nothing asked", {}, [1, 2, 3, 4]],
    ["a client", { client: "ann" }, [1, 3]],
    ["a direction", { direction: "in" }, [2, 3]],
    ["a type", { type: "message" }, [1, 2]],
    ["a text, whatever its case", { find: "HELLO" }, [1, 2]],
    ["a text with signs that expressions use", { find: "(you)" }, [1]],
    ["an expression", { find: "/hello \\d+/" }, [2]],
    ["an expression whatever its case", { find: "/^\\{.*hello/i" }, [1, 2]],
    ["the words of a mark", { find: "invalid" }, [3]],
    ["a conversation", { conversation: "den" }, []],
    ["marks", { marked: true }, [3]],
    ["two at once", { client: "ben", type: "message" }, [2]],
    ["a slash alone is a text", { find: "/" }, []],
  ];
  for (const [name, fields, expected] of cases) {
    test(name, () => {
      const { matches, problem } = compileFilter({ ...ALL, ...fields }, nameOf);
      expect(problem).toBeUndefined();
      expect(numbers(createRows(log)(matches, Number.POSITIVE_INFINITY))).toEqual([...expected]);
    });
  }

  test("a conversation, by the name that the frame itself has", () => {
    const about = createFrameLog();
    for (const text of [
      '{"type":"message","conversation":"den","text":"x"}',
      '{"type":"open","conversations":[{"conversation":"den"}]}',
      '{"type":"close","conversations":["lobby"]}',
      '{"type":"inbox_item","item":{"conversation":"den"}}',
      '{"type":"open","conversations":[{"conversation":"den"},{"conversation":"lobby"}]}',
      "not JSON",
    ]) {
      const conversation = conversationOf(text);
      const seen = { client: "c1", at: 0, direction: "out", type: "x", bytes: 0, text } as const;
      about.add({ ...seen, ...(conversation !== undefined && { conversation }) }, { marks: [] });
    }
    const { matches } = compileFilter({ ...ALL, conversation: "den" }, nameOf);
    expect(numbers(createRows(about)(matches, Number.POSITIVE_INFINITY))).toEqual([1, 2, 4]);
  });

  test("a wrong expression explains the error and hides nothing", () => {
    const { matches, problem } = compileFilter({ ...ALL, find: "/(/" }, nameOf);
    expect(problem).toStartWith("Not a regular expression");
    expect(matches).toBeUndefined();
  });

  test("it is part of the address, which is empty without a filter", () => {
    const filter: Filter = {
      client: "ann",
      conversation: "den",
      direction: "in",
      type: "ack",
      find: "/a&b=#ü/",
      marked: true,
    };
    const hash = formatHash({ conversation: "lobby", fields: { ...writeFilter(filter), show: "send" } });
    const place = parseHash(hash);
    expect(place.conversation).toBe("lobby");
    expect(readFilter(place.fields)).toEqual(filter);
    expect(formatHash({ conversation: "lobby", fields: writeFilter(ALL) })).toBe("#lobby");
    expect(readFilter(parseHash("#lobby?dir=sideways").fields)).toEqual(ALL);
    expect(parseHash("#%zz?find=x")).toEqual({ fields: { find: "x" } });
  });
});

describe("the rows of a log that grows and loses its oldest", () => {
  test("are the same as if the whole log were filtered again, with a filter and without", () => {
    const log = createFrameLog(300);
    const rowsOf = createRows(log);
    const plain = createRows(log);
    const even = (frame: Frame) => frame.number % 2 === 0;
    for (let round = 0; round < 40; round++) {
      for (let index = 0; index < 37; index++) add(log, "c1", "in", "x", "{}");
      const here = Array.from({ length: log.last - log.first + 1 }, (_, index) => log.first + index);
      const upTo = round % 3 === 0 ? log.last - 20 : Number.POSITIVE_INFINITY;
      const wanted = here.filter((number) => number <= upTo);
      const rows = rowsOf(even, upTo);
      expect(numbers(rows)).toEqual(wanted.filter((number) => number % 2 === 0));
      expect(numbers(plain(undefined, upTo))).toEqual(wanted);
      expect(rows.frameAt(rows.indexOf(log.last - 21))?.number).toBeWithin(log.last - 21, log.last - 19);
    }
  });

  test("each frame is filtered once", () => {
    const log = createFrameLog();
    const rowsOf = createRows(log);
    let asked = 0;
    const matches = () => {
      asked++;
      return true;
    };
    for (let round = 0; round < 5; round++) {
      add(log, "c1", "in", "x", "{}");
      rowsOf(matches, Number.POSITIVE_INFINITY);
    }
    expect(asked).toBe(5);
  });

  test("a cleared log has none, and then only new ones", () => {
    const log = createFrameLog();
    const rowsOf = createRows(log);
    const all = () => true;
    add(log, "c1", "in", "x", "{}");
    rowsOf(all, Number.POSITIVE_INFINITY);
    log.clear();
    expect(rowsOf(all, Number.POSITIVE_INFINITY).count).toBe(0);
    add(log, "c1", "in", "x", "{}");
    expect(numbers(rowsOf(all, Number.POSITIVE_INFINITY))).toEqual([2]);
  });
});

test("the timeline knows the types of the protocol, all and no others", () => {
  expect([...CLIENT_FRAME_TYPES]).toEqual(Object.keys(CLIENT_FRAMES));
  expect([...SERVER_FRAME_TYPES]).toEqual(Object.keys(SERVER_FRAMES));
});

function nameOf(id: string): string {
  return id === "c1" ? "ann" : "ben";
}

function numbers(rows: { count: number; frameAt(index: number): Frame | undefined }): number[] {
  return Array.from({ length: rows.count }, (_, index) => rows.frameAt(index)!.number);
}

function add(
  log: FrameLog,
  client: string,
  direction: Direction,
  type: string,
  text: string,
  marks: readonly Annotation[] = [],
): void {
  log.add({ client, at: 0, direction, type, bytes: text.length, text }, { marks });
}
