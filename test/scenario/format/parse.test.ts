import { describe, expect, test } from "bun:test";
import { parseRecording } from "../../../src/scenario/format/parse.ts";
import type { Recording } from "../../../src/scenario/format/recording.ts";
import { writeRecording } from "../../../src/scenario/format/serialize.ts";

const HEADER =
  '{"parley":"recording","version":1,"at":1,"server":"here","clients":[{"name":"ann","user":"user1","conversation":"lobby"}]}';

/** The errors for `lines` below a good header, as `line: message`. */
function problemsOf(...lines: string[]): string[] {
  const { problems = [] } = parseRecording([HEADER, ...lines].join("\n"));
  return problems.map(({ line, message }) => `${line}: ${message}`);
}

/** A line of every kind of entry. */
const LINES = [
  '{"t":0,"client":"ann","dir":"line","event":"open"}',
  '{"t":1,"client":"ann","dir":"in","frame":{"type":"welcome","seq":0}}',
  '{"t":2,"client":"ann","dir":"out","frame":{"type":"message","id":"m1","text":"hello"}}',
  '{"t":3,"client":"ann","dir":"out","raw":"{"}',
  '{"t":4,"client":"ann","dir":"out","bytes":"AAE="}',
  '{"t":5,"client":"ann","dir":"fault","fault":{"do":"cut"}}',
  '{"t":6,"client":"ann","dir":"line","event":"close","code":1006}',
  '{"t":7,"client":"ann","dir":"line","event":"open","after":3,"epoch":"e1","token":"wrong"}',
  '{"t":8,"client":"ann","dir":"in","frame":{"type":"error","code":{"$match":"^un"}},"within":0.5,"note":"refused"}',
  '{"t":9,"client":"ann","dir":"line","event":"close","code":4401,"reason":"token not valid"}',
];

describe("a recording", () => {
  test("is read and written as the same text", () => {
    const text = `${[HEADER, ...LINES].join("\n")}\n`;
    const { recording } = parseRecording(text);
    expect(recording?.entries).toHaveLength(LINES.length);
    expect(writeRecording(recording as Recording)).toBe(text);
  });

  test("may have empty lines and line ends of Windows; the numbers of its lines are those of the file", () => {
    const { recording } = parseRecording(`\uFEFF${HEADER}\r\n\r\n${LINES[0]}\r\n\r\n${LINES[1]}\r\n`);
    expect(recording?.entries.map(({ line }) => line)).toEqual([3, 5]);
  });

  test("its first word sets whether frames are compared whole, and which other users may post", () => {
    const read = (header: string) => parseRecording(header).recording;
    expect(read(HEADER)).toMatchObject({
      kind: "recording",
      unexpected: "fail",
      ignore: ["presence", "presence_count", "typing", "stream", "stream_append", "stream_stored"],
    });
    const scenario = HEADER.replace('"recording"', '"scenario"');
    expect(read(scenario)).toMatchObject({ kind: "scenario", unexpected: "pass" });
    expect(read(scenario.replace('"at":1', '"at":1,"unexpected":"fail","ignore":[]'))).toMatchObject({
      unexpected: "fail",
      ignore: [],
    });
  });
});

describe("errors of a file are reported with their line", () => {
  test("every wrong line is reported, not only the first", () => {
    expect(problemsOf("{", LINES[0]!, "[]")).toEqual([
      "2: is not JSON; each line must be one JSON object",
      "4: is not a JSON object",
    ]);
  });

  test("B3 a line that nests thousands deep is not parsed", () => {
    const deep = `${'{"a":'.repeat(30_000)}1${"}".repeat(30_000)}`;
    expect(problemsOf(`{"client":"ann","dir":"out","frame":${deep}}`)).toEqual([
      "2: nests deeper than 256 levels",
    ]);
    expect(problemsOf(`{"client":"ann","dir":"fault","fault":{"do":${deep}}}`)).toHaveLength(1);
  });

  const SLIPS: readonly (readonly [string, string])[] = [
    ['{"client":"bob","dir":"out","raw":""}', 'the header has no client "bob"; its clients are ann'],
    ['{"dir":"out","raw":""}', '"client" must be the name of a client'],
    ['{"client":"ann","dir":"up"}', '"dir" must be "out", "in", "line" or "fault", not "up"'],
    ['{"client":"ann","dir":"out"}', 'one of "frame", "raw" (text) and "bytes" (base64)'],
    ['{"client":"ann","dir":"out","raw":"","frame":{}}', 'one of "frame", "raw" (text) and "bytes" (base64)'],
    [
      '{"client":"ann","dir":"out","frame":[]}',
      '"frame" must be a JSON object; use "raw" for any other text',
    ],
    ['{"client":"ann","dir":"out","bytes":"?"}', '"bytes" must be base64'],
    [
      '{"client":"ann","dir":"out","fram":{}}',
      'the field "fram" is not known here; the fields are t, client, dir, note, frame',
    ],
    [
      '{"client":"ann","dir":"in","frame":{"seq":{"$gt":1}}}',
      'in "frame", seq: $gt is not a matcher; use one of $any',
    ],
    [
      '{"client":"ann","dir":"in","frame":{"text":{"$match":"("}}}',
      'text: $match "(" is not a valid regular expression',
    ],
    [
      '{"client":"ann","dir":"in","raw":"x","within":0}',
      '"within" must be a number of seconds, up to 86400, not 0',
    ],
    ['{"client":"ann","dir":"line","event":"opened"}', '"event" must be "open" or "close", not "opened"'],
    ['{"client":"ann","dir":"line","event":"open","token":"eyJ"}', "a file never contains a real token"],
    ['{"client":"ann","dir":"line","event":"open","resume":true,"after":1}', "give only one of the two"],
    [
      '{"client":"ann","dir":"line","event":"close","code":99}',
      '"code" must be a close code, 1000–4999, not 99',
    ],
    ['{"client":"ann","dir":"fault","fault":"cut"}', 'such as {"do":"cut"}'],
    ['{"client":"ann","dir":"out","raw":"","t":-1}', '"t" must be the milliseconds since the start'],
  ];
  test.each(SLIPS)("%s", (line, message) => {
    const [problem, ...more] = problemsOf(LINES[0]!, line);
    expect(problem).toStartWith("3: ");
    expect(problem).toContain(message);
    expect(more).toEqual([]);
  });

  const HEADERS: readonly (readonly [string, string])[] = [
    ["", "the file is empty"],
    ['{"log":{}}', "is not the header of a recording"],
    [HEADER.replace('"version":1', '"version":2'), '"version" is 2; this program reads 1'],
    [HEADER.replace('"clients"', '"client"'), 'the field "client" is not known here'],
    [HEADER.replace('"user":"user1",', ""), '"clients"[0]: "user" must be a non-empty string'],
    [HEADER.replace('"name":"ann"', '"name":"a=b"'), '1–64 characters without "="'],
  ];
  test.each(HEADERS)("as header: %s", (header, message) => {
    const { problems = [] } = parseRecording(header === "" ? "\n" : `${header}\n{"client":"ann"}`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ line: 1, message: expect.stringContaining(message) });
  });

  test("a file of another kind gets one error, not a thousand", () => {
    expect(problemsOf(...Array.from({ length: 1000 }, () => "no"))).toHaveLength(20);
  });
});
