import { describe, expect, test } from "bun:test";
import { writeHar } from "../../../src/scenario/format/har.ts";
import { MAX_CLIENTS, parseRecording } from "../../../src/scenario/format/parse.ts";
import { parseRecordingOrHar } from "../../../src/scenario/format/read-har.ts";
import type { Recording } from "../../../src/scenario/format/recording.ts";
import { writeRecording } from "../../../src/scenario/format/serialize.ts";

/**
 * Two clients, sometimes in one millisecond; a fault, a reconnect, bytes, raw text, a name that looks like a matcher.
 */
const TEXT = `${[
  '{"parley":"recording","version":1,"at":1795437965000,"server":"https://chat.example.com/team","clients":[{"name":"ann","user":"user1","conversation":"lobby"},{"name":"bob the second","user":"user2","conversation":"a:b@c"}]}',
  '{"t":0,"client":"ann","dir":"line","event":"open"}',
  '{"t":0,"client":"bob the second","dir":"line","event":"open","token":"wrong"}',
  '{"t":3,"client":"ann","dir":"in","frame":{"type":"welcome","seq":0}}',
  '{"t":5,"client":"ann","dir":"out","frame":{"type":"message","id":"m1","text":"hé"}}',
  '{"t":5,"client":"bob the second","dir":"in","frame":{"type":"message","data":{"$eq":{"$any":true}}}}',
  '{"t":5,"client":"bob the second","dir":"out","raw":"{"}',
  '{"t":5,"client":"ann","dir":"in","frame":{"type":"ack","id":"m1"}}',
  '{"t":6,"client":"ann","dir":"out","bytes":"AAE="}',
  '{"t":7,"client":"ann","dir":"fault","fault":{"do":"cut"}}',
  '{"t":7,"client":"ann","dir":"line","event":"close","code":1006}',
  '{"t":9,"client":"ann","dir":"line","event":"open","after":3,"epoch":"e 1"}',
  '{"t":12,"client":"bob the second","dir":"line","event":"close","code":4400,"reason":"bad address","by":"us"}',
  '{"t":15,"client":"ann","dir":"line","event":"close","code":1000}',
].join("\n")}\n`;

function recording(): Recording {
  return parseRecording(TEXT).recording!;
}

describe("a HAR file", () => {
  test("holds all of a recording, and is read as the same one", () => {
    const read = parseRecordingOrHar(writeHar(recording(), "1.0.0")).recording!;
    expect(writeRecording(read)).toBe(TEXT);
  });

  test("has the form that Chrome gives WebSockets", () => {
    const { log } = JSON.parse(writeHar(recording(), "1.0.0"));
    expect(log).toMatchObject({ version: "1.2", creator: { name: "parley", version: "1.0.0" } });
    expect(log.entries).toHaveLength(3);
    expect(log.entries[0]).toMatchObject({
      _resourceType: "websocket",
      startedDateTime: "2026-11-23T12:46:05.000Z",
      time: expect.closeTo(7, 2),
      request: { method: "GET", url: "wss://chat.example.com/team/ws/user1/lobby", queryString: [] },
      response: { status: 101 },
    });
    const time = expect.closeTo(1795437965.005, 4);
    expect(log.entries[0]._webSocketMessages.slice(1)).toEqual([
      { type: "send", time, opcode: 1, data: '{"type":"message","id":"m1","text":"hé"}' },
      { type: "receive", time, opcode: 1, data: '{"type":"ack","id":"m1"}' },
      { type: "send", time: expect.closeTo(1795437965.006, 4), opcode: 2, data: "AAE=" },
    ]);
    expect(log.entries[2].request).toMatchObject({
      url: "wss://chat.example.com/team/ws/user1/lobby?after=3&epoch=e%201",
      queryString: [
        { name: "after", value: "3" },
        { name: "epoch", value: "e 1" },
      ],
    });
    // What looks like a matcher in a recording is a received value here.
    expect(JSON.stringify(log)).not.toContain("$eq");
  });

  test("B3 a frame that nests thousands deep is kept as text, and a file that does so is rejected", () => {
    const deep = `{"type":"message","data":${'{"a":'.repeat(30_000)}1${"}".repeat(30_001)}`;
    const har = JSON.parse(writeHar(recording(), "1.0.0"));
    har.log.entries[0]._webSocketMessages[1].data = deep;
    const { entries } = parseRecordingOrHar(JSON.stringify(har)).recording!;
    expect(entries).toContainEqual(expect.objectContaining({ dir: "out", raw: deep }));
    const text = JSON.stringify({ log: { entries: har.log.entries } }).replace(
      '"entries"',
      `"deep":${deep},"entries"`,
    );
    expect(parseRecordingOrHar(text).problems).toHaveLength(1);
  });

  test("B3 has at most as many clients as a recording", () => {
    const har = JSON.parse(writeHar(recording(), "1.0.0"));
    const [first] = har.log.entries;
    har.log.entries = Array.from({ length: MAX_CLIENTS + 1 }, (_, index) => ({
      ...first,
      _parley: { client: `c${index}` },
    }));
    expect(parseRecordingOrHar(JSON.stringify(har)).problems).toEqual([
      { line: 1, message: `this HAR file has more than ${MAX_CLIENTS} clients` },
    ]);
  });

  test("A4 holds no token", () => {
    const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyMSJ9.c2lnbmF0dXJl";
    const text = TEXT.replace("hé", token);
    expect(writeHar(parseRecording(text).recording!, "1")).not.toContain("eyJ");
  });
});

describe("a HAR file that a browser exported", () => {
  const message = (type: string, time: number, data: string, opcode = 1) => ({ type, time, opcode, data });
  const har = (...entries: object[]) => JSON.stringify({ log: { version: "1.2", entries } });
  const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyMSJ9.c2lnbmF0dXJl";
  const line = (from: number, time: number, messages: object[], query = "") => ({
    _resourceType: "websocket",
    _webSocketMessages: messages,
    startedDateTime: new Date(from).toISOString(),
    time,
    request: { url: `ws://127.0.0.1:8000/ws/user1/lobby?token=${token}${query}` },
  });

  test("is read as the clients that it shows: a connection after another one is the same client's reconnect", () => {
    const at = 1795437965000;
    const first = [
      message("receive", at / 1000 + 0.01, '{"type":"welcome","seq":0}'),
      message("send", at / 1000 + 0.02, `{"type":"token","token":"${token}"}`),
      message("receive", at / 1000 + 0.09, '{"type":"closing","code":1012,"reason":"restarting"}'),
    ];
    const text = har(
      { request: { url: "http://127.0.0.1:8000/" }, _resourceType: "document" },
      line(at, 100, first),
      line(at + 200, 50, [], "&after=0&epoch=e1"),
      line(at + 220, 50, [message("send", at / 1000 + 0.23, "AP8=", 2)]),
    );
    const { recording } = parseRecordingOrHar(text);
    expect(writeRecording(recording!).trim().split("\n")).toEqual([
      '{"parley":"recording","version":1,"at":1795437965000,"server":"http://127.0.0.1:8000","clients":[{"name":"user1","user":"user1","conversation":"lobby"},{"name":"user1-2","user":"user1","conversation":"lobby"}]}',
      '{"t":0,"client":"user1","dir":"line","event":"open"}',
      '{"t":10,"client":"user1","dir":"in","frame":{"type":"welcome","seq":0}}',
      '{"t":20,"client":"user1","dir":"out","frame":{"type":"token","token":"…"}}',
      '{"t":90,"client":"user1","dir":"in","frame":{"type":"closing","code":1012,"reason":"restarting"}}',
      '{"t":100,"client":"user1","dir":"line","event":"close","code":1012}',
      '{"t":200,"client":"user1","dir":"line","event":"open","after":0,"epoch":"e1"}',
      '{"t":220,"client":"user1-2","dir":"line","event":"open"}',
      '{"t":230,"client":"user1-2","dir":"out","bytes":"AP8="}',
      '{"t":250,"client":"user1","dir":"line","event":"close","code":1000}',
      '{"t":270,"client":"user1-2","dir":"line","event":"close","code":1000}',
    ]);
  });

  test("without a connection to such a server is rejected with the reason", () => {
    const { problems } = parseRecordingOrHar(
      har({ request: { url: "wss://example.com/" }, _webSocketMessages: [] }),
    );
    expect(problems).toEqual([{ line: 1, message: expect.stringContaining("has no WebSocket") }]);
  });

  test("is not trusted, whatever it contains", () => {
    const odd = har(
      null as never,
      7 as never,
      {},
      { ...line(0, 1, [null as never, { type: "send" }]), _parley: { client: 7, faults: 7, close: 7 } },
    );
    expect(parseRecordingOrHar(odd).recording?.entries).toMatchObject([
      { event: "open" },
      { event: "close" },
    ]);
  });
});
