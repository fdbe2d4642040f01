import { afterEach, describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deduplicated } from "../../../src/server/log/deduplicating-log.ts";
import { type Log, type LogFields, type LogOptions, openLog } from "../../../src/server/log/log.ts";
import { LogOutput } from "../../../src/server/log/output.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-log-"));
afterEach(() => rmSync(join(folder, "log"), { force: true }));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** The content of a log opened with `options` after `write`. */
function written(options: Partial<LogOptions>, write: (log: Log) => void): string {
  const path = join(folder, "log");
  const descriptor = openSync(path, "w");
  try {
    write(openLog({ level: "debug", format: "json", ...options, output: new LogOutput(descriptor) }));
  } finally {
    closeSync(descriptor);
  }
  return readFileSync(path, "utf8");
}

describe("log", () => {
  test("SEC-P2 one JSON object per line with time, level, event and fields; no input can forge a line", () => {
    const text = written({}, (log) => {
      log.info("connection.opened", { user: 'u"\n{"event":"forged"}', address: "127.0.0.1" });
      log.error("error", { id: "f1" });
    });
    const lines = text.trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    const first = JSON.parse(lines[0]!);
    expect(first).toMatchObject({
      level: "info",
      event: "connection.opened",
      user: 'u"\n{"event":"forged"}',
    });
    expect(new Date(first.time).toISOString()).toBe(first.time);
    expect(JSON.parse(lines[1]!)).toMatchObject({ level: "error", event: "error", id: "f1" });
  });

  test("SEC-P2 a readable log keeps one line per event, also for hostile input", () => {
    const text = written({ format: "pretty", colours: true }, (log) =>
      log.warn("signin.failed", { user: "a\n\u001b[2Jb", address: "::1" }),
    );
    expect(text.trimEnd().split("\n")).toHaveLength(1);
    expect(Bun.stripANSI(text)).toMatch(/WARN: signin\.failed \{"user":/);
    expect(text).toContain("a\\n\\u001b[2Jb");
  });

  test("SEC-P2 no line contains a control or invisible character, and JSON parses to the original text", () => {
    const user = "a\x1b]0;x\x07\x9b2J\x7f\u202e\u2028\u200b\ufeff\r\nb";
    const write = (log: Log) => log.error("error", { user, error: user, deep: { user } });
    const json = written({}, write);
    expect(json).toMatch(/^[\x20-\x7e]+\n$/);
    expect(JSON.parse(json)).toMatchObject({ user, error: user, deep: { user } });
    const readable = written({ format: "pretty", colours: true }, write);
    expect(readable.replace(/\x1b\[\d+m/g, "")).toMatch(/^[\x20-\x7e\u2421]+\n$/);
  });

  test("a readable log has colours on a terminal only, unless NO_COLOR or FORCE_COLOR says otherwise", () => {
    const coloured = (colours: boolean) =>
      written({ format: "pretty", colours }, (log) => log.warn("loud", { n: 1 })).includes("\x1b[");
    expect([coloured(true), coloured(false)]).toEqual([true, false]);
    const { NO_COLOR, FORCE_COLOR, ...env } = process.env;
    const program = `import { hasColours } from ${JSON.stringify(join(import.meta.dir, "../../../src/server/log/colours.ts"))};
      console.log([process.stdout, process.stderr].map(hasColours).join());`;
    const answer = (more: object) =>
      Bun.spawnSync([process.execPath, "-e", program], { env: { ...env, ...more }, stderr: "pipe" })
        .stdout.toString()
        .trim();
    expect(answer({})).toBe("false,false");
    expect(answer({ FORCE_COLOR: "1" })).toBe("true,true");
  });

  test("levels below the chosen one are not written", () => {
    const text = written({ level: "warn" }, (log) => {
      log.info("quiet");
      log.warn("loud");
    });
    expect(text).not.toContain("quiet");
    expect(text).toContain("loud");
  });

  test("SEC-T7 fields that hold credentials are hidden, at the top and one level down", () => {
    const fields = {
      token: "s3cret",
      password: "s3cret",
      headers: { authorization: "s3cret", access_token: "s3cret" },
    };
    const text = written({}, (log) => log.info("request", fields));
    expect(text).not.toContain("s3cret");
    expect(text).toContain("[hidden]");
  });
});

describe("addresses in errors", () => {
  const cases: [string, string][] = [
    ["/ws/u/c?token=abc.def", "/ws/u/c?token=[hidden]"],
    ["/ws/u/c?after=3&ticket=abc&epoch=e", "/ws/u/c?after=3&ticket=[hidden]&epoch=e"],
    ["/ws/u/c?TOKEN=abc&token=def", "/ws/u/c?TOKEN=[hidden]&token=[hidden]"],
    ["/ws/u/c?%74oken=abc", "/ws/u/c?token=[hidden]"],
    ["/ws/u/c?tok%65n=abc&x=%zz", "/ws/u/c?token=[hidden]&x=%zz"],
    ["/ws/u/c?tokens=3", "/ws/u/c?tokens=3"],
    ["not a url ?token=abc", "not a url ?token=[hidden]"],
  ];
  test.each(cases)("SEC-T7 A4 %s", (url, expected) => {
    const line = JSON.parse(written({}, (log) => log.error("error", { error: `at ${url} it failed` })));
    expect(line.error).toBe(`at ${expected} it failed`);
  });

  test("SEC-T7 A4 an error of the runtime contains an address, and the line does not contain its token", () => {
    let stack = "";
    try {
      new Request("/ws/u/c?token=s3cret");
    } catch (error) {
      stack = (error as Error).stack!;
    }
    expect(stack).toContain("s3cret");
    const text = written({}, (log) => log.error("request.failed", { error: stack }));
    expect(text).toContain("/ws/u/c?token=[hidden]");
    expect(text).not.toContain("s3cret");
  });
});

describe("deduplicated log", () => {
  /** A log that keeps its lines in a list. */
  function list(): { log: Log; lines: [string, LogFields | undefined][] } {
    const lines: [string, LogFields | undefined][] = [];
    const add = (event: string, fields?: LogFields) => void lines.push([event, fields]);
    return { log: { debug: add, info: add, warn: add, error: add }, lines };
  }

  test("SEC-P2 a repeated line is written once, and again with a count when its window ends", () => {
    const { log, lines } = list();
    const clock = new ManualClock();
    const thin = deduplicated(log, clock, "info");
    for (let i = 0; i < 5; i++) thin.warn("limit.refused", { user: "u", seq: i });
    thin.warn("limit.refused", { user: "v" });
    expect(lines).toEqual([
      ["limit.refused", { user: "u", seq: 0 }],
      ["limit.refused", { user: "v" }],
    ]);
    clock.advance(10_000);
    expect(lines.slice(2)).toEqual([["limit.refused", { user: "u", seq: 4, repeated: 4 }]]);
    thin.close();
  });

  test("SEC-P2 any number of unknown clients leaves room for the lines of users, of each event", () => {
    const { log, lines } = list();
    const clock = new ManualClock();
    const thin = deduplicated(log, clock, "info");
    thin.info("signin.succeeded", { user: "known", address: "::1" });
    for (let i = 0; i < 1100; i++) {
      const who = { user: `ghost${i}`, address: `2001:db8:${i}::1` };
      for (const event of ["connection.rejected", "signin.failed", "connection.closed", "signin.throttled"])
        thin.warn(event, who);
    }
    // They know names of users, too.
    for (let i = 0; i < 1100; i++) {
      thin.warn("signin.failed", { user: "victim", address: `2001:db8:${i}::1`, known: true });
      thin.warn("connection.rejected", { user: "known", address: `2001:db8:${i}::1` });
    }
    const flood = lines.length;
    expect(flood).toBeLessThan(450);
    // Accounts that are tried, and users who have presented a valid credential before, or do so now.
    for (const user of ["user1", "user2", "user3"])
      thin.warn("signin.failed", { user, address: "192.0.2.1", known: true });
    thin.warn("signin.throttled", { user: "user1", address: "192.0.2.1" });
    thin.info("signin.succeeded", { user: "other", address: "192.0.2.2" });
    thin.warn("connection.rejected", { user: "other", address: "192.0.2.2" });
    for (const user of ["eve", "oscar"]) thin.info("connection.opened", { user, address: "192.0.2.3" });
    thin.info("connection.closed", { user: "eve", address: "192.0.2.3" });
    expect(lines.slice(flood).map(([event, fields]) => `${event} ${fields?.user}`)).toEqual([
      "signin.failed user1",
      "signin.failed user2",
      "signin.failed user3",
      "signin.throttled user1",
      "signin.succeeded other",
      "connection.rejected other",
      "connection.opened eve",
      "connection.opened oscar",
      "connection.closed eve",
    ]);
    clock.advance(10_000);
    expect(lines).toContainEqual([
      "signin.throttled",
      { user: "ghost1099", address: "2001:db8:1099::1", repeated: 999, mixed: true },
    ]);
    thin.close();
  });

  test("B1 text from outside is kept and written with a bounded length", () => {
    const { log, lines } = list();
    const thin = deduplicated(log, new ManualClock(), "info");
    const long = "x".repeat(100_000);
    for (let i = 0; i < 2; i++)
      thin.warn("request.refused", { user: long, address: long, path: long, error: long });
    thin.close();
    expect(lines).toHaveLength(2);
    for (const [, fields] of lines) {
      expect(fields?.path).toBe(`${"x".repeat(500)}…`);
      expect(String(fields?.error)).toHaveLength(8001);
    }
  });

  test("lines below the level of the log are neither written nor remembered", () => {
    const { log, lines } = list();
    const clock = new ManualClock();
    const thin = deduplicated(log, clock, "warn");
    thin.debug("detail");
    for (let i = 0; i < 3; i++) thin.info("connection.opened");
    thin.warn("handshake.refused");
    clock.advance(10_000);
    expect(lines).toEqual([["handshake.refused", undefined]]);
    thin.close();
  });

  test("SEC-P2 close writes the lines still held", () => {
    const { log, lines } = list();
    const thin = deduplicated(log, new ManualClock(), "info");
    thin.error("error");
    thin.error("error");
    thin.close();
    expect(lines).toEqual([
      ["error", undefined],
      ["error", { repeated: 1 }],
    ]);
  });
});
