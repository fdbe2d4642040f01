import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { STREAM_CHECKS } from "../../src/conformance/checks/streams.ts";
import type { TestUser } from "../../src/conformance/context.ts";
import { CHECKS, type RuleResult, runConformance } from "../../src/conformance/run.ts";
import { sign } from "../../src/conformance/token-signer.ts";
import { UNTESTABLE_RULES } from "../../src/conformance/untestable-rules.ts";
import type { ServerFrame } from "../../src/protocol/server-frames.ts";
import { SUBPROTOCOL } from "../../src/protocol/version.ts";
import { hashOfApiKey, newApiKey } from "../../src/server/authentication/api-keys.ts";
import { readProtocol } from "../docs/pages.ts";
import { isLong } from "../support/random.ts";
import { SECRET, startTestServer, type TestServer } from "../support/server/test-server.ts";
import { type Fault, startFaultyProxy } from "./faulty-proxy.ts";

const SEEN = CHECKS.filter((check) => !UNTESTABLE_RULES.includes(check));
const QUICK = SEEN.filter(({ slow, rule }) => !slow || rule === "P1");
const SLOW = SEEN.filter(({ slow }) => slow);

const KEY = { secret: SECRET, issuer: "parley", audience: "parley" };

// All runs come from one address, and each has a failed sign-in.
/** With the right `manage`. */
const OPERATOR_KEY = newApiKey();
const API_KEYS = `ops:${hashOfApiKey(OPERATOR_KEY)}:manage`;
const ENV = { PRESENCE_GRACE: "1", PLANS: "free:20:5,basic:1000:20", SIGNINS_PER_MINUTE: "0", API_KEYS };

let server: TestServer;
/** Its connections are closed soon when they are quiet, so that no check of that is skipped; a busy machine is quiet, too. */
let impatient: TestServer;
beforeAll(async () => {
  server = await startTestServer({ env: ENV });
  impatient = await startTestServer({ env: { ...ENV, INACTIVITY_TIMEOUT: "10" } });
});
afterAll(() => Promise.all([server.stop(), impatient.stop()]));

/** All runs are side by side, so one takes long; a check that was not begun in time would look like one that passed. */
const TIMEOUTS = { checkMs: 90_000, runMs: Number.POSITIVE_INFINITY };

/** Only a very busy machine ever takes this long, in milliseconds. */
const TEST_TIMEOUT_MS = 600_000;

/** The short form runs those checks against a faulty server that must report it, and of the others one in so many. */
const OTHERS_ONE_IN = 3;

/** The checks of a fault that breaks `rules`; the short form takes other ones for each fault. */
function checksFor(rules: readonly string[], fault: number): typeof QUICK {
  if (isLong) return QUICK;
  return QUICK.filter(({ rule }, index) => rules.includes(rule) || (index + fault) % OTHERS_ONE_IN === 0);
}

/** Runs `checks` against the server on `port`. */
function run(port: number, checks = CHECKS, key: typeof KEY | null = KEY): Promise<RuleResult[]> {
  const address = `//127.0.0.1:${port}`;
  const [ann, bob] = ["ann", "bob"].map((name): TestUser => {
    const user = `${name}-${crypto.randomUUID()}`;
    return { user, token: sign(KEY, user, { plan: "basic" }) };
  });
  const target = { http: `http:${address}`, ws: `ws:${address}` };
  return runConformance(
    {
      target,
      users: [ann!, bob!],
      timeouts: TIMEOUTS,
      operatorKey: OPERATOR_KEY,
      ...(key !== null && { key }),
    },
    checks,
  );
}

function notPassed(results: readonly RuleResult[]): string[] {
  return results.flatMap(({ rule, outcome, reason }) =>
    outcome === "passed" ? [] : [`${rule} ${outcome}: ${reason}`],
  );
}

test.concurrent("the server keeps every rule that can be checked from outside", async () => {
  expect(notPassed(await run(impatient.port, SEEN))).toEqual([]);
});

test.concurrent("a proxy that changes nothing changes no result", async () => {
  await using proxy = await startFaultyProxy(server.port, {});
  expect(notPassed(await run(proxy.port, QUICK))).toEqual([]);
});

test("rules that cannot be checked without a key are skipped, with that reason", async () => {
  const needKey = CHECKS.filter(({ rule }) => rule === "Q4");
  const [result] = await run(server.port, needKey, null);
  expect(result).toMatchObject({ outcome: "skipped", reason: expect.stringContaining("SECRET_KEY") });
});

test("every rule of the protocol is checked or listed as untestable, and no other", () => {
  const rules = [...readProtocol().matchAll(/^- \*\*([A-Z]+\d+)\*\* /gm)].map(([, id]) => id!);
  expect([...new Set(CHECKS.map(({ rule }) => rule))].sort()).toEqual(rules.sort());
});

describe("a faulty server is reported by the rules it breaks, and no others", () => {
  const faults: [string, string[], Fault][] = [
    [
      "D1, D4, MX1 messages that come together are turned round",
      ["D1", "D4", "MX1"],
      { frames: turnedRound },
    ],
    [
      "D3, ST2, CH4 a repeat is not called one",
      ["D3", "CH4", "ST2"],
      each("ack", ({ duplicate: _, ...frame }) => [frame]),
    ],
    ["D5 `resumed` is always true", ["D5"], each("welcome", (frame) => [{ ...frame, resumed: true }])],
    ["D6, H3 no message has `data`", ["D6", "H3"], each("message", ({ data: _, ...frame }) => [frame])],
    [
      "A6, F1, MB3, Q4 no error names its frame",
      ["A6", "F1", "MB3", "Q4"],
      each("error", ({ id: _, ...frame }) => [frame]),
    ],
    ["F3 `closing` is left out", ["F3"], each("closing", () => [])],
    [
      "H1, H2 over HTTP who is not known is answered 400",
      ["H1", "H2"],
      { http: (piece) => piece.replace(/^(HTTP\/1\.1) 401/, "$1 400") },
    ],
    [
      "H3 a message over HTTP is answered without its place",
      ["H3"],
      { http: (piece) => piece.replace('"seq":', '"sqe":') },
    ],
    [
      "MX1 acks on the socket of a user are for another conversation",
      ["MX1"],
      each("ack", (frame) => [
        frame.conversation === undefined ? frame : { ...frame, conversation: "other" },
      ]),
    ],
    [
      "MX2 `opened` does not repeat the id of `open`",
      ["MX2"],
      each("opened", ({ id: _, ...frame }) => [frame]),
    ],
    [
      "MX3 a message comes after `closed`",
      ["MX3"],
      each("closed", (frame) => [
        frame,
        {
          type: "message",
          conversation: frame.conversation,
          seq: 2,
          id: "x",
          from: "ann",
          text: "late",
          at: 1_795_437_965_658,
        },
      ]),
    ],
    ["P1 presence is sent twice", ["P1"], each("presence", (frame) => [frame, frame])],
    ["P4 read marks are forgotten", ["P4"], each("welcome", withoutMarks)],
    [
      "Q4 a refusal over quota does not say when",
      ["Q4"],
      each("error", ({ retry_after: _, ...frame }) => [frame]),
    ],
    ["W6 the first subprotocol is echoed", ["W6"], { head: echoFirstProtocol }],
    [
      "W7 something comes before `welcome`",
      ["W7"],
      each("welcome", (frame) => [{ type: "recovered", reason: "" }, frame]),
    ],
  ];

  test.concurrent("P3, I1, I2 no client is notified of the end of typing, nor warned", async () => {
    const isDelivered = (frame: ServerFrame) =>
      !(frame.type === "typing" && !frame.active) &&
      !(frame.type === "warning" && frame.code === "inactivity");
    await using proxy = await startFaultyProxy(impatient.port, { frames: (all) => all.filter(isDelivered) });
    const failed = (await run(proxy.port, SLOW)).filter(({ outcome }) => outcome === "failed");
    expect(failed.map(({ rule }) => rule)).toEqual(["P3", "I1", "I2"]);
  });

  const faultsOfStreams: typeof faults = [
    ["ST1, ST5 an append comes twice", ["ST1", "ST5"], each("stream_append", (frame) => [frame, frame])],
    [
      "ST1 a snapshot has less than its `n` says",
      ["ST1"],
      each("stream", (frame) => [{ ...frame, text: frame.text.slice(1) }]),
    ],
    [
      "ST2, ST4 no writer is fenced",
      ["ST2", "ST4"],
      each("error", (frame) => (frame.code === "fenced" ? [] : [frame])),
    ],
    ["ST4 no writer is asked to stop", ["ST4"], each("stream_cancel", () => [])],
  ];

  test.concurrent.each(faultsOfStreams)("%s", async (_name, rules, fault) => {
    await using proxy = await startFaultyProxy(server.port, fault);
    const failed = (await run(proxy.port, STREAM_CHECKS)).filter(({ outcome }) => outcome === "failed");
    expect([...new Set(failed.map(({ rule }) => rule))]).toEqual(rules);
  });

  for (const [index, [name, rules, fault]] of faults.entries())
    test.concurrent(
      name,
      async () => {
        await using proxy = await startFaultyProxy(server.port, fault);
        const results = await run(proxy.port, checksFor(rules, index));
        const failed = results.filter(({ outcome }) => outcome === "failed");
        expect([...new Set(failed.map(({ rule }) => rule))]).toEqual(rules);
      },
      TEST_TIMEOUT_MS,
    );
});

/** Replaces each frame of `type` by the result of `spoil`. */
function each<T extends ServerFrame["type"]>(
  type: T,
  spoil: (frame: Extract<ServerFrame, { type: T }>) => object[],
): Fault {
  const one = (frame: ServerFrame) =>
    frame.type === type ? spoil(frame as Extract<ServerFrame, { type: T }>) : [frame];
  return { frames: (all) => all.flatMap(one) };
}

function turnedRound(all: readonly ServerFrame[]): ServerFrame[] {
  const messages = all.filter(({ type }) => type === "message").reverse();
  return all.map((frame) => (frame.type === "message" ? messages.shift()! : frame));
}

function withoutMarks(frame: Extract<ServerFrame, { type: "welcome" }>): object[] {
  return [{ ...frame, present: frame.present?.map(({ read: _, ...member }) => member) }];
}

function echoFirstProtocol(answer: string, request: string): string {
  const first = /^sec-websocket-protocol: *([^,\r]+)/im.exec(request)?.[1];
  return first === undefined ? answer : answer.replace(SUBPROTOCOL, first);
}
