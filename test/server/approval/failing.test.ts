import { afterAll, describe, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { MAX_FAILURES, RETRY_AFTER_MS } from "../../../src/core/approval/breaker.ts";
import type { Asked } from "../../../src/core/approval/question.ts";
import { ApprovalClient } from "../../../src/server/approval/approval-client.ts";
import { Approver } from "../../../src/server/approval/approver.ts";
import { join } from "../../support/clients/join.ts";
import { RecordedLog } from "../../support/server/recorded-log.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";
import { startMemberServer } from "../http/routes/members/member-api.ts";
import { OperatorServer } from "./operator-server.ts";

const ASKED = {
  type: "message",
  conversation: "lobby",
  user: "ann",
  message: { id: "m", text: "hello", data: { n: 1 } },
} as const;

const operator = new OperatorServer();
afterAll(() => operator[Symbol.dispose]());

function approverOf(fail: "open" | "closed", { url = operator.url, timeoutMs = 60_000 } = {}) {
  const clock = new ManualClock();
  const log = new RecordedLog();
  const client = new ApprovalClient({ url, keys: [], version: "test", timeoutMs });
  const counts: string[] = [];
  const count = (result: string) => counts.push(result);
  return { approver: new Approver({ client, url, fail, clock, emit: log.emit, count }), clock, log, counts };
}

/** A server that writes what it likes on each connection, and counts the requests. */
async function rawServer(onRequest: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => {
      if (!String(data).includes("POST ")) return;
      raw.requests++;
      onRequest(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const raw = {
    requests: 0,
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}/`,
    [Symbol.dispose]: () => void server.close(),
  };
  return raw;
}

const ok = (body: string, fields = "") =>
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;

describe("AP3 a hostile answer is bounded, and counts as a failure", () => {
  const JSON_ANSWERS: readonly (readonly [string, unknown])[] = [
    ["no answer", "{"],
    ["a list", []],
    ["null", null],
    ["no action", {}],
    ["another action", { action: "maybe" }],
    ["a reason that is no text", { action: "reject", reason: 7 }],
    ["a replacement of nothing", { action: "replace" }],
    ["a text that is none", { action: "replace", text: 7 }],
    ["a text of null", { action: "replace", text: null }],
    ["a text of null with data", { action: "replace", text: null, data: { n: 2 } }],
    ["data that is no object", { action: "replace", data: [1] }],
    ["data that could change all objects", '{"action":"replace","data":{"__proto__":{"a":1}}}'],
    ["half a character", '{"action":"replace","text":"\\ud800"}'],
    ["neither text nor data", { action: "replace", text: "", data: null }],
    ["a text longer than a message", { action: "replace", text: "x".repeat(65_530) }],
  ];

  test.each(JSON_ANSWERS)("AP3 %s", async (_, answer) => {
    operator.answer = () =>
      new Response(typeof answer === "string" ? answer : JSON.stringify(answer), { status: 200 });
    const { approver, log } = approverOf("closed");
    expect(await approver.ask(ASKED)).toEqual({ action: "unavailable" });
    expect(log.events()).toEqual(["approval.failed"]);
    // With `open`, what was said passes as it is.
    expect(await approverOf("open").approver.ask(ASKED)).toEqual({ action: "accept" });
  });

  const message = ASKED.message;
  const of = { conversation: "lobby", user: "ann" };
  const ASKED_OTHERS: readonly (readonly [string, Asked])[] = [
    ["the title of a conversation", { type: "conversation", ...of, title: "hello" }],
    ["the start of a stream", { type: "stream_start", ...of, message: { id: "m", text: "" } }],
    ["the end of a stream", { type: "stream_end", ...of, message }],
    ["an edit", { type: "edit", ...of, message }],
  ];

  test.each(ASKED_OTHERS)("AP3 a text of null in place of %s", async (_, asked) => {
    for (const more of [{}, { data: { n: 2 } }, { data: null }]) {
      operator.answer = () => ({ action: "replace", text: null, ...more });
      expect(await approverOf("closed").approver.ask(asked)).toEqual({ action: "unavailable" });
    }
  });

  const RAW: readonly (readonly [string, (socket: Socket) => void, timeoutMs?: number])[] = [
    ["10 MB", (socket) => socket.write(ok(`{"action":"accept","x":"${"x".repeat(10_000_000)}"}`))],
    [
      "10 MB without their length",
      (socket) => {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (let i = 0; i < 160; i++) socket.write(`10000\r\n${"x".repeat(65_536)}\r\n`);
      },
    ],
    [
      "a drip",
      (socket) => {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        const drip = setInterval(() => socket.write("1\r\n \r\n"), 10);
        socket.on("close", () => clearInterval(drip));
      },
      200,
    ],
    ["no answer at all", () => {}, 100],
    ["a closed connection", (socket) => socket.destroy()],
    ["a status of 500", (socket) => socket.end("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")],
    ["no HTTP", (socket) => socket.end("SSH-2.0-x\r\n\r\n")],
    [
      "bytes that are no UTF-8",
      (socket) => socket.write(Buffer.from(ok('{"action":"accept","x":"\xff"}'), "latin1")),
    ],
    // A zip bomb: the bytes are not unpacked, and so are no JSON.
    [
      "a packed answer",
      (socket) => {
        const packed = Bun.gzipSync(Buffer.from('{"action":"accept"}'));
        socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`);
        socket.write(packed);
      },
    ],
  ];

  test.each(RAW)("AP3 %s is one try", async (_, onRequest, timeoutMs = 60_000) => {
    using raw = await rawServer(onRequest);
    const { approver } = approverOf("closed", { url: raw.url, timeoutMs });
    expect(await approver.ask(ASKED)).toEqual({ action: "unavailable" });
    expect(raw.requests).toBe(1);
  });

  test("AP3 a server that is not there is named so in the log", async () => {
    const { approver, log } = approverOf("closed", { url: "http://127.0.0.1:1/" });
    expect(await approver.ask(ASKED)).toEqual({ action: "unavailable" });
    expect(log.entries.map(({ fields }) => fields.reason)).toEqual(["nothing listens there"]);
  });

  test("AP3 a redirect is not followed", async () => {
    operator.answer = () => new Response(null, { status: 307, headers: { Location: operator.url } });
    const before = operator.questions.length;
    expect(await approverOf("closed").approver.ask(ASKED)).toEqual({ action: "unavailable" });
    expect(operator.questions.length).toBe(before + 1);
  });

  test("AP2 a connection that the operator's server has closed meanwhile is one try, too", async () => {
    let connections = 0;
    using raw = await rawServer((socket) => {
      if (++connections === 1) socket.write(ok('{"action":"accept"}'));
      else socket.destroy();
    });
    const { approver } = approverOf("closed", { url: raw.url });
    expect(await approver.ask(ASKED)).toEqual({ action: "accept" });
    expect(await approver.ask(ASKED)).toEqual({ action: "unavailable" });
    expect(raw.requests).toBe(2);
  });
});

test("AP1 a long reason is cut, and no failure", async () => {
  operator.answer = () => ({ action: "reject", reason: "😀".repeat(300) });
  expect(await approverOf("open").approver.ask(ASKED)).toEqual({
    action: "reject",
    reason: "😀".repeat(200),
  });
});

test("AP1 what a reason must not have is left out of it, and is no failure", async () => {
  operator.answer = () => ({ action: "reject", reason: "no\u0000 \u001b[31minsults\u202e\u2066\u007f" });
  expect(await approverOf("open").approver.ask(ASKED)).toEqual({
    action: "reject",
    reason: "no [31minsults",
  });
  operator.answer = () => ({ action: "reject", reason: "\u202e" });
  expect(await approverOf("open").approver.ask(ASKED)).toEqual({ action: "reject" });
});

test("AP2 five failures in a row open the breaker; one question a second probes; an answer closes it", async () => {
  const { approver, clock, log, counts } = approverOf("closed");
  const asked = operator.questions.length;
  const counted = () => operator.questions.length - asked;
  operator.answer = () => new Response(null, { status: 500 });
  for (let i = 0; i < MAX_FAILURES - 1; i++) await approver.ask(ASKED);
  operator.answer = () => ({ action: "accept" });
  await approver.ask(ASKED);
  // The one answer has begun the count again.
  operator.answer = () => new Response(null, { status: 500 });
  for (let i = 0; i < MAX_FAILURES; i++) await approver.ask(ASKED);
  const opened = counted();
  expect(opened).toBe(2 * MAX_FAILURES);
  expect(log.events().filter((event) => event !== "approval.failed")).toEqual(["approval.unavailable"]);
  clock.advance(RETRY_AFTER_MS - 1);
  for (let i = 0; i < 10; i++) expect(await approver.ask(ASKED)).toEqual({ action: "unavailable" });
  expect(counted()).toBe(opened);
  clock.advance(1);
  const verdicts = await Promise.all([approver.ask(ASKED), approver.ask(ASKED)]);
  expect([counted(), ...verdicts.map(({ action }) => action)]).toEqual([
    opened + 1,
    "unavailable",
    "unavailable",
  ]);
  clock.advance(RETRY_AFTER_MS);
  operator.answer = () => ({ action: "accept" });
  expect(await approver.ask(ASKED)).toEqual({ action: "accept" });
  expect(await approver.ask(ASKED)).toEqual({ action: "accept" });
  expect(counted()).toBe(opened + 3);
  expect(log.events().at(-1)).toBe("approval.recovered");
  // For the metrics: nine failures and the probe's, ten and one that were not asked, and three answers.
  expect(counts.toSorted()).toEqual([
    ...Array(3).fill("accepted"),
    ...Array(2 * MAX_FAILURES).fill("failed"),
    ...Array(11).fill("skipped"),
  ]);
});

test.each([
  ["closed", 503],
  ["open", 201],
] as const)(
  "AP2 when the operator's server is killed, APPROVAL_FAIL=%s answers %i, also for what waits",
  async (fail, status) => {
    const killed = new OperatorServer();
    await using api = await startMemberServer({ env: { APPROVAL_URL: killed.url, APPROVAL_FAIL: fail } });
    killed.answer = () => new Promise(() => {});
    const waiting = api.as("ann", "POST /conversations/lobby/messages", { text: "asked" });
    await killed.asked("lobby");
    killed[Symbol.dispose]();
    const after = api.as("ann", "POST /conversations/lobby/messages", { text: "after" });
    const answers = await Promise.all([waiting, after]);
    expect(answers.map((answer) => answer.status)).toEqual([status, status]);
    expect(api.server.log.events()).toContain("approval.failed");
    if (fail === "open") return;
    // The store is as it was: it must not be blamed.
    const words =
      "The operator's approval gives no answer. Send the same again, with the same id, in a moment.";
    expect(answers.map(({ body }) => body.detail)).toEqual([words, words]);
    await using ann = await join(api.server, "ann", { conversation: "lobby" });
    for (const frame of [
      { type: "message", text: "x", id: "m" } as const,
      { type: "stream_start", id: "s" } as const,
    ]) {
      ann.send(frame);
      expect(await ann.next("error")).toEqual({
        ...{ type: "error", code: "unavailable", message: words, id: frame.id, retry_after: 1 },
      });
    }
  },
);
