// `parley run` as a process, against a real server: a recording plays again, and differences are found.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { longTest } from "../../support/long-test.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { ParleyFolder, type Running } from "../parley-folder.ts";
import { Recorder } from "./recorder.ts";

/**
 * A conversation of two users: messages, a reply, a repeat, wrong frames, a history request, a ping, a stream, and one leaves.
 */
async function recordTalk(url: string): Promise<string> {
  await using recorder = new Recorder(url);
  const ann = await recorder.open("ann", "user1");
  const bob = await recorder.open("bob", "user2", { streams: true });
  recorder.send("ann", { type: "typing", active: true });
  recorder.send("ann", {
    type: "message",
    id: "a1",
    text: "Does the order hold?",
    data: { kind: "question" },
  });
  await ann.next("ack");
  await bob.next("message");
  recorder.send("bob", { type: "read", seq: 1 });
  await ann.next("read");
  recorder.send("bob", { type: "message", text: "It does. This one has no id." });
  await bob.next("ack");
  recorder.send("ann", { type: "message", id: "a1", text: "Does the order hold?" });
  await ann.next("ack");
  recorder.send("ann", { type: "message", id: "a2", text: "" });
  await ann.next("error");
  recorder.send("ann", '{"type":"message",');
  await ann.next("error");
  recorder.send("ann", { type: "history", limit: 10, id: "h1" });
  await ann.next("history");
  recorder.send("bob", { type: "ping", id: "p1" });
  await bob.next("pong");
  // The server gives the stream another handle in each run.
  recorder.send("ann", { type: "stream_start", id: "s1", reply_to: 1 });
  const { stream } = await ann.next("stream_started");
  recorder.send("ann", { type: "stream_append", stream, n: 1, text: "It grows." });
  recorder.send("ann", { type: "stream_end", stream });
  await ann.next("ack");
  // At once, from both: which of them is first is known from the recording only.
  for (let index = 0; index < 5; index++) {
    recorder.send("bob", { type: "message", id: `b${index}`, text: "me" });
    recorder.send("ann", { type: "message", id: `c${index}`, text: "no, me" });
  }
  for (const client of [ann, bob]) {
    while (client.of("message").length < 13) await client.next("message");
    while (client.of("ack").length < (client === ann ? 8 : 6)) await client.next("ack");
  }
  bob.socket.close(1000);
  await bob.closed;
  ann.socket.close(1000);
  await ann.closed;
  return recorder.text;
}

/** A server that all tests share, and one that injects faults. Each has room for all their messages. */
const plain = new ParleyFolder();
const faulty = new ParleyFolder();
const PLANS = { PLANS: "free:1000:5,basic:1000:20,premium:10000:100" };
let url: string;
let output: Running["output"];
let faultyUrl: string;
beforeAll(async () => {
  const [server, other] = await Promise.all([
    plain.serve([], PLANS),
    faulty.serve([], { ...PLANS, TEST_FAULTS: "true" }),
  ]);
  ({ url, output } = server);
  faultyUrl = other.url;
});
afterAll(() => Promise.all([plain[Symbol.asyncDispose](), faulty[Symbol.asyncDispose]()]));

describe("a recording of a real conversation", () => {
  let recording: string;
  beforeAll(async () => {
    recording = await recordTalk(url);
    plain.write("talk.jsonl", recording);
  });

  test("plays again unchanged: twice on one server, in one conversation, on a fresh one, by other users", async () => {
    await using fresh = new ParleyFolder();
    const { url: other } = await fresh.serve([], PLANS);
    const calls: [string, string[]][] = [
      [url, []],
      [url, []],
      [other, ["--conversation", "talk", "--pace"]],
      [other, ["--user", "ann=user3"]],
    ];
    for (const [server, flags] of calls) {
      const ended = await plain.run(["run", "talk.jsonl", "--url", server, ...flags]);
      expect(ended).toMatchObject({ code: 0, stderr: "" });
      const [, passed, of] = /^passed {2}talk\.jsonl: (\d+) of (\d+) as expected, [\d.]+ s\n$/.exec(
        ended.stdout,
      )!;
      expect(passed).toBe(of!);
      expect(Number(of)).toBeGreaterThan(40);
    }
  });

  test("A4 with a planted difference ends with 1, prints no token, and names the line, the expected and the received value", async () => {
    expect(recording).not.toContain("eyJ");
    const lines = recording.split("\n");
    const changed = lines.findIndex((line) => line.includes('"client":"bob"') && line.includes("order hold"));
    lines[changed] = lines[changed]!.replace("Does the order hold?", "Does the order <hold>?");
    plain.write("changed.jsonl", lines.join("\n"));
    const ended = await plain.run(["run", "changed.jsonl", "--url", url, "--junit", "out.xml"]);
    expect(ended).toMatchObject({ code: 1, stderr: "" });
    expect(ended.stdout).toContain(
      [
        `changed.jsonl:${changed + 1}  bob  message "a1"  received, but different`,
        "    text",
        '      - expected  "Does the order <hold>?"',
        '      + received  "Does the order hold?"',
      ].join("\n"),
    );
    expect(ended.stdout).toMatch(
      /\nFAILED {2}changed\.jsonl: (\d+) of (\d+) as expected, 1 different, [\d.]+ s\n$/,
    );
    const xml = readFileSync(join(plain.path, "out.xml"), "utf8");
    expect(xml).toMatch(
      /<testsuite name="changed.jsonl" tests="\d+" failures="1" errors="0" skipped="0" time="[\d.]+">/,
    );
    expect(xml).toContain(
      "text: expected &quot;Does the order &lt;hold&gt;?&quot;, received &quot;Does the order hold?&quot;",
    );
    const json = await plain.run(["run", "changed.jsonl", "--url", url, "--json"]);
    expect(json.code).toBe(1);
    for (const { stdout, stderr } of [ended, json]) expect(stdout + stderr).not.toContain("eyJ");
    const { results } = JSON.parse(json.stdout).files[0];
    expect(results.filter(({ outcome }: { outcome: string }) => outcome !== "passed")).toMatchObject([
      { line: changed + 1, client: "bob", outcome: "different", differences: [{ path: "text" }] },
    ]);
  });

  test("SEC-S3 many files need one sign-in for each user", async () => {
    // A server of its own, so that its log has no other sign-ins.
    await using folder = new ParleyFolder();
    const server = await folder.serve();
    const ended = await plain.run(["run", ...Array(3).fill("talk.jsonl"), "--url", server.url]);
    expect(ended.code).toBe(0);
    expect(ended.stdout.match(/^passed/gm)).toHaveLength(3);
    const signIns = () => server.output().stdout.split('"signin.succeeded"').length - 1;
    await waitUntil("the sign-ins are logged", () => signIns() >= 2);
    expect(signIns()).toBe(2);
  });
});

describe("faults of a recording", () => {
  /** Ann's connection is cut after a message, she reconnects, and gets bob's messages from meanwhile. */
  async function recordCut(url: string): Promise<string> {
    await using recorder = new Recorder(url);
    const ann = await recorder.open("ann", "user1");
    const bob = await recorder.open("bob", "user2");
    recorder.send("ann", { type: "message", id: "a1", text: "one" });
    await ann.next("ack");
    await bob.next("message");
    await recorder.fault("ann", "user1", { do: "cut" });
    await ann.closed;
    recorder.send("bob", { type: "message", id: "b1", text: "two" });
    await bob.next("ack");
    const { epoch } = ann.of("welcome")[0]!;
    const back = await recorder.open("ann", "user1", { after: 1, epoch });
    await back.next("message");
    await recorder.fault("ann", "user1", { do: "jump", to: "inactivity" });
    await back.closed;
    bob.socket.close(1000);
    await bob.closed;
    return recorder.text;
  }

  let recording: string;
  beforeAll(async () => {
    recording = await recordCut(faultyUrl);
    plain.write("cut.jsonl", recording);
  });

  test("are injected again: a cut and a resume (D4), and a jump to the inactivity timeout (I2)", async () => {
    expect(recording).toContain('"event":"close","code":1006');
    expect(recording).toContain('"event":"close","code":4408');
    for (const flags of [[], ["--conversation", "lobby"]])
      expect(await plain.run(["run", "cut.jsonl", "--url", faultyUrl, ...flags])).toMatchObject({ code: 0 });
  });

  longTest("that a server does not support end the run with the missing setting", async () => {
    const ended = await plain.run(["run", "cut.jsonl", "--url", url, "--junit", "out.xml"]);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toContain("requesting a fault  could not be done");
    expect(ended.stdout).toContain(`${url} does not inject faults: start the server with TEST_FAULTS=true`);
    expect(readFileSync(join(plain.path, "out.xml"), "utf8")).toContain('<error type="halted"');
  });
});

describe("a scenario written by hand", () => {
  const HEADER =
    '{"parley":"scenario","version":1,"clients":[{"name":"ann","user":"user1","conversation":"lobby"},{"name":"bob","user":"user2","conversation":"lobby"}]}';

  /** Runs `lines` below a header, from standard input. */
  async function run(server: string, lines: readonly string[], args: string[] = []) {
    const stdin = [HEADER, ...lines].join("\n");
    return plain.run(["run", "-", "--url", server, ...args], { stdin });
  }

  test("has only what matters: matchers, a reconnect, invalid tokens", async () => {
    const ended = await run(url, [
      '{"client":"ann","dir":"line","event":"open"}',
      '{"client":"bob","dir":"line","event":"open"}',
      '{"client":"ann","dir":"out","frame":{"type":"message","id":"m1","text":"hello"}}',
      '{"client":"ann","dir":"in","frame":{"type":"ack","id":"m1","seq":1,"quota":{"limit":1000,"remaining":{"$lte":999}}}}',
      '{"client":"bob","dir":"in","frame":{"type":"message","text":{"$match":"^hel"},"data":{"$absent":true}}}',
      '{"client":"bob","dir":"line","event":"close","code":1000}',
      '{"client":"ann","dir":"out","frame":{"type":"message","id":"m2","text":"and you?"}}',
      '{"client":"ann","dir":"in","frame":{"type":"ack","id":"m2"}}',
      '{"client":"bob","dir":"line","event":"open","resume":true}',
      '{"client":"bob","dir":"in","frame":{"type":"welcome","resumed":true}}',
      '{"client":"bob","dir":"in","frame":{"type":"message","seq":2,"text":"and you?"}}',
      '{"client":"bob","dir":"out","bytes":"AAE="}',
      '{"client":"bob","dir":"line","event":"close","code":1003}',
      '{"client":"bob","dir":"line","event":"open","token":"wrong"}',
      '{"client":"bob","dir":"in","frame":{"type":"error","code":"unauthorized"}}',
      '{"client":"bob","dir":"in","frame":{"type":"closing","code":4401,"reconnect":false}}',
      '{"client":"bob","dir":"line","event":"close","code":4401}',
      '{"client":"bob","dir":"line","event":"open","token":"foreign"}',
      '{"client":"bob","dir":"line","event":"close","code":4403}',
      '{"client":"bob","dir":"line","event":"open","token":"none"}',
      '{"client":"bob","dir":"out","frame":{"type":"token","token":"…"}}',
      '{"client":"bob","dir":"in","frame":{"type":"welcome","user":"user2"}}',
      '{"client":"bob","dir":"out","frame":{"type":"token","token":"…"}}',
      '{"client":"bob","dir":"in","frame":{"type":"token_accepted"}}',
    ]);
    expect(ended.stdout).toMatch(/^passed {2}standard input: 12 of 12 as expected/);
    expect(ended).toMatchObject({ code: 0, stderr: "" });
  });

  test("reports what came instead of the expected frame", async () => {
    const lines = [
      '{"client":"ann","dir":"line","event":"open"}',
      '{"client":"ann","dir":"out","frame":{"type":"message","id":"m1","text":"hello"}}',
      // An expectation without its own limit was met before the one that never comes is waited for.
      '{"client":"ann","dir":"in","frame":{"type":"ack","id":"m1"}}',
      '{"client":"ann","dir":"in","frame":{"type":"message","text":"hallo"},"within":0.5,"note":"my message is echoed"}',
      '{"client":"ann","dir":"out","frame":{"type":"ping"}}',
      '{"client":"ann","dir":"in","frame":{"type":"pong"}}',
    ];
    const ended = await run(url, lines);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toContain(
      [
        "standard input:5  ann  message  not received",
        "    my message is echoed",
        "    it did not arrive within 0.5 s",
        "    a similar frame was received; the differences:",
        "    text",
        '      - expected  "hallo"',
        '      + received  "hello"',
      ].join("\n"),
    );
    expect(ended.stdout).toContain("1 of 3 as expected, 1 missing, 1 not reached");
  });

  longTest("with the server's key needs no accounts, also to present an expired token", async () => {
    await using folder = new ParleyFolder();
    const secret = "GzcZQ2b7mWq0p5yEw1rT8uKx9vLh3NdF";
    const server = await folder.serve([], { SECRET_KEY: secret, DEMO_ACCOUNTS: "false" });
    plain.write("key", secret);
    const lines = [
      '{"client":"ann","dir":"line","event":"open","token":"expired"}',
      '{"client":"ann","dir":"in","frame":{"type":"error","code":"token_expired"}}',
      '{"client":"ann","dir":"line","event":"close","code":4401}',
      '{"client":"ann","dir":"line","event":"open"}',
      '{"client":"ann","dir":"in","frame":{"type":"welcome","user":"user1"}}',
    ];
    expect(await run(server.url, lines, ["--secret-key-file", "key"])).toMatchObject({ code: 0 });
    const without = await run(server.url, lines);
    expect(without).toMatchObject({ code: 1, stdout: "" });
    expect(without.stderr).toContain(
      "set PARLEY_TOKEN (`npx parley token user1` on the server's machine prints one) or PARLEY_PASSWORD",
    );
  });

  longTest("a server with faults issues an expired token, for a user with an open connection", async () => {
    const lines = [
      '{"client":"ann","dir":"line","event":"open"}',
      '{"client":"bob","dir":"line","event":"open","token":"expired"}',
      '{"client":"bob","dir":"in","frame":{"type":"error","code":"token_expired"}}',
      '{"client":"bob","dir":"line","event":"close","code":4401}',
    ];
    const both = await run(faultyUrl, lines, ["--user", "bob=user1"]);
    expect(both).toMatchObject({ code: 0, stderr: "" });
    const alone = await run(faultyUrl, lines.slice(1));
    expect(alone).toMatchObject({ code: 2, stdout: "" });
    expect(alone.stderr).toContain(
      "bob needs an expired token. Give the server's key with --secret-key-file,",
    );
  });

  describe("of users with passwords of their own", () => {
    const folder = new ParleyFolder();
    let own: string;
    beforeAll(async () => {
      own = (await folder.serve([], { DEMO_ACCOUNTS: "false" })).url;
    });
    afterAll(() => folder[Symbol.asyncDispose]());

    longTest(
      "a client without a token, with a forged one, or with another user's is not signed in",
      async () => {
        await folder.run(["user", "add", "user1", "--password-stdin"], { stdin: "correct horse" });
        const lines = [
          '{"client":"ann","dir":"line","event":"open"}',
          ...[
            ["none", 4401],
            ["wrong", 4401],
            ["foreign", 4403],
          ].flatMap(([token, code]) => [
            `{"client":"bob","dir":"line","event":"open","token":"${token}"}`,
            ...(token === "none"
              ? ['{"client":"bob","dir":"out","frame":{"type":"message","text":"may I?"}}']
              : []),
            `{"client":"bob","dir":"line","event":"close","code":${code}}`,
          ]),
        ];
        const stdin = [HEADER, ...lines].join("\n");
        const env = { PARLEY_PASSWORD_USER1: "correct horse" };
        const ended = await folder.run(["run", "-", "--url", own], { stdin, env });
        expect(ended.stdout).toContain("passed  standard input: 3 of 3 as expected");
        expect(ended).toMatchObject({ code: 0, stderr: "" });
      },
    );

    test("takes passwords and tokens from the environment, and the users they belong to", async () => {
      for (const user of ["alice", "bob.b"])
        await folder.run(["user", "add", user, "--password-stdin"], { stdin: `${user}-password` });
      const stdin = `${HEADER}\n{"client":"ann","dir":"line","event":"open"}\n{"client":"ann","dir":"in","frame":{"type":"welcome","user":"user1"}}\n{"client":"bob","dir":"line","event":"open"}\n`;
      const args = ["run", "-", "--url", own, "--user", "ann=alice", "--user", "bob=bob.b"];
      const env = { PARLEY_PASSWORD_ALICE: "alice-password", PARLEY_PASSWORD_BOB_B: "bob.b-password" };
      expect(await folder.run(args, { stdin, env })).toMatchObject({ code: 0, stderr: "" });
      const wrong = await folder.run(args, {
        stdin,
        env: { ...env, PARLEY_PASSWORD_BOB_B: "wrong-password" },
      });
      expect(wrong).toMatchObject({ code: 1, stdout: "" });
      expect(wrong.stderr).toContain("bob.b cannot sign in");
      expect(wrong.stderr).not.toContain("wrong-password");
      const token = (await folder.run(["token", "alice"])).stdout.trim();
      const byToken = await folder.run([...args, "--token", `ann=${token}`], { stdin, env });
      expect(byToken).toMatchObject({ code: 0, stderr: "" });
    });
  });
});

test("SIGINT ends a run with 130", async () => {
  plain.write(
    "idle.jsonl",
    [
      '{"parley":"scenario","version":1,"clients":[{"name":"ann","user":"user1","conversation":"lobby"}]}',
      '{"client":"ann","dir":"line","event":"open"}',
      '{"client":"ann","dir":"in","frame":{"type":"warning"},"within":60}',
    ].join("\n"),
  );
  const connections = () => output().stdout.split("connection.opened").length;
  const before = connections();
  const run = plain.start(["run", "idle.jsonl", "--url", url]);
  await waitUntil("ann is connected", () => connections() > before);
  run.kill("SIGINT");
  expect(await run.exited).toBe(130);
});
