import { describe, expect, test } from "bun:test";
import { formatSample, formatSummary, summarize } from "../../../src/cli/latency/samples.ts";
import { longTest } from "../../support/long-test.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { ParleyFolder } from "../parley-folder.ts";

describe("a series", () => {
  test("its loss is the share of missing replies, and its times are those of the rest", () => {
    const series = summarize([{ milliseconds: 1 }, { lost: "none in 5 s" }, { milliseconds: 3 }]);
    expect(series).toMatchObject({ sent: 3, answered: 2, times: { min: 1, mean: 2, max: 3 } });
    expect(formatSummary(series)).toEqual([
      "3 sent, 2 answered, 33.3 % lost",
      "min/avg/p99/max = 1.00 ms / 2.00 ms / 3.00 ms / 3.00 ms",
    ]);
  });

  test("without samples has no times", () => {
    expect(formatSummary(summarize([]))).toEqual(["0 sent, 0 answered, 0 % lost"]);
    expect(formatSummary(summarize([{ lost: "x" }]))).toEqual(["1 sent, 0 answered, 100 % lost"]);
    expect([formatSample(1, { milliseconds: 0.5 }), formatSample(2, { lost: "closed with 1006" })]).toEqual([
      "1: 0.50 ms",
      "2: no reply (closed with 1006)",
    ]);
  });
});

/** A server, and `parley latency` of `ann` on it. */
async function startLatency(settings: Record<string, string> = {}) {
  const server = await startTestServer({ env: settings });
  const folder = new ParleyFolder();
  const env = { PARLEY_TOKEN: await server.token("ann"), PARLEY_URL: server.url };
  return {
    ...{ server, folder, env },
    latency: (...args: string[]) => folder.run(["latency", "--interval", "0.1", ...args], { env }),
    async [Symbol.asyncDispose]() {
      await folder[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}

test("pings are counted, and cost nothing; acks are messages", async () => {
  await using place = await startLatency({ PLANS: "free:3:5", DEFAULT_PLAN: "free" });
  const pings = await place.latency("--count", "4");
  expect(pings).toMatchObject({ code: 0 });
  expect(pings.stdout).toMatch(
    /^1: .*\n2: .*\n3: .*\n4: .*\n4 sent, 4 answered, 0 % lost\nmin\/avg\/p99\/max = /,
  );
  const acks = await place.latency("--acks", "--count", "4", "--json");
  const lines = acks.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.map(({ number }) => number)).toEqual([1, 2, 3, 4, undefined]);
  expect(lines[3]).toEqual({ number: 4, lost: "rate_limited" });
  expect(lines[4]).toMatchObject({ sent: 4, answered: 3, loss: 0.25, times: { count: 3 } });
  expect(acks.code).toBe(1);
});

test("Ctrl+C ends it with the results so far, 130", async () => {
  await using place = await startLatency();
  const process = place.folder.start(["latency", "--interval", "0.1"], place.env);
  let stdout = "";
  for await (const chunk of process.stdout) {
    stdout += new TextDecoder().decode(chunk);
    if (/^2: /m.test(stdout) && process.exitCode === null) process.kill("SIGINT");
  }
  expect(stdout).toMatch(/^\d+ sent, \d+ answered, 0 % lost\nmin\/avg/m);
  expect(await process.exited).toBe(130);
});

longTest("a server that stops counts as loss, and measuring continues when it is back", async () => {
  await using folder = new ParleyFolder();
  const env = { SECRET_KEY: "GzcZQ2b7mWq0p5yEw1rT8uKx9vLh3NdF" };
  const first = await folder.serve([], env);
  const port = new URL(first.url).port;
  const process = folder.start(["latency", "--url", first.url, "--interval", "0.1", "--timeout", "1"]);
  let stdout = "";
  let restarted: Promise<unknown> | undefined;
  for await (const chunk of process.stdout) {
    stdout += new TextDecoder().decode(chunk);
    if (restarted === undefined && stdout.includes("2: ")) first.process.kill("SIGKILL");
    if (stdout.includes("no reply")) restarted ??= folder.serve(["--port", port], env);
    if (/no reply(.|\n)*\n\d+: [\d.]+ m?s\n/.test(stdout)) process.kill("SIGTERM");
  }
  expect(await process.exited).toBe(143);
  expect(stdout).toMatch(/\d+ sent, \d+ answered, [\d.]+ % lost/);
});

test("a usage error ends with 2, a missing server with 1", async () => {
  await using place = await startLatency();
  expect(await place.latency("--count", "0")).toMatchObject({ code: 2, stdout: "" });
  expect(await place.latency("--interval", "0.01")).toMatchObject({ code: 2, stdout: "" });
  const { code, stderr } = await place.latency("--url", "http://127.0.0.1:1");
  expect(code).toBe(1);
  expect(stderr).toContain("closed with 1006");
});
