import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { longTest } from "../../support/long-test.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { ParleyFolder } from "../parley-folder.ts";
import { ParleyTerminal } from "../parley-terminal.ts";

const WITHOUT_LIMITS = { PLANS: "free:0:0", DEFAULT_PLAN: "free", BURST_RATE: "0" };

/** A server, and `parley bench` of `ann` on it. */
async function startBench(settings: Record<string, string> = WITHOUT_LIMITS) {
  const server = await startTestServer({ env: settings });
  const folder = new ParleyFolder();
  const env = { PARLEY_TOKEN: await server.token("ann"), PARLEY_URL: server.url };
  return {
    ...{ server, folder, env },
    bench: (...args: string[]) => folder.run(["bench", ...args], { env }),
    async [Symbol.asyncDispose]() {
      await folder[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}

/** How many rows the CSV has, and the sum of one of its columns. */
function sum(csv: string, name: string): number {
  const [head = "", ...rows] = csv.trimEnd().split("\n");
  const column = head.split(",").indexOf(name);
  return rows.reduce((total, row) => total + Number(row.split(",")[column]), 0);
}

test("every sent message is acked and stored, and text, JSON and CSV agree", async () => {
  await using place = await startBench();
  const text = await place.bench("--clients", "3", "--msgs", "90", "--size", "200", "--csv", "out.csv");
  expect(text.code).toBe(0);
  expect(text.stdout).toMatch(/^acked +90 in [\d.]+ s: [\d.,]+ a second$/m);
  expect(text.stdout).toMatch(/^ack time +p50 .*, p90 .*, p99 .*, p99\.9 .*, max /m);
  expect(text.stdout).toMatch(/^not acked +none$/m);
  const csv = readFileSync(join(place.folder.path, "out.csv"), "utf8");
  expect([sum(csv, "sent"), sum(csv, "acked"), sum(csv, "errors")]).toEqual([90, 90, 0]);

  const args = [
    "--clients",
    "4",
    "--msgs",
    "100",
    "--rate",
    "400",
    "--together",
    "--conversation",
    "b",
    "--json",
  ];
  const json = JSON.parse((await place.bench(...args)).stdout);
  expect(json).toMatchObject({ clients: 4, sent: 100, acked: 100, errors: {}, milliseconds: { count: 100 } });
  const { min, p50, p90, p99, p999, max } = json.milliseconds;
  expect([min, p50, p90, p99, p999, max]).toEqual([min, p50, p90, p99, p999, max].toSorted((a, b) => a - b));
  // The same run again stores as much again: its ids are others.
  await place.bench(...args);
  const { stdout } = await place.folder.run(["chat", "b", "-x", "last"], { env: place.env });
  expect(stdout).toStartWith("#201 ");
});

longTest("--duration ends the run; --csv - prints only a table of the seconds", async () => {
  await using place = await startBench();
  const { code, stdout } = await place.bench("--rate", "50", "--duration", "1.2", "--csv", "-");
  expect(code).toBe(0);
  expect(stdout.split("\n")).toHaveLength(4);
  expect(sum(stdout, "sent")).toBe(60);
});

test("Q4 a run that exceeds the plan is refused before it begins", async () => {
  await using place = await startBench({ PLANS: "free:10:2", DEFAULT_PLAN: "free" });
  const { code, stdout, stderr } = await place.bench("--msgs", "11");
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toStartWith(
    "parley: 11 messages are more than the 10 requests that ann has left in this hour",
  );
  expect(stderr).toContain("BURST_RATE=0 npm start");
  expect((await place.bench("--clients", "3", "--msgs", "3")).stderr).toContain(
    "more than the 2 connections",
  );
});

test("Q4 M2 a run that meets a limit ends with its results so far, and names the setting", async () => {
  await using place = await startBench({ PLANS: "free:10:2", DEFAULT_PLAN: "free" });
  const limited = await place.bench("--duration", "5");
  expect(limited.code).toBe(1);
  expect(limited.stdout).toMatch(/^acked +10 /m);
  expect(limited.stderr).toContain("The plan of ann allows no more requests in this hour (rate_limited).");
  await using fast = await startBench({ PLANS: "free:0:0", DEFAULT_PLAN: "free" });
  const { code, stderr } = await fast.bench("--msgs", "1000");
  expect(code).toBe(1);
  expect(stderr).toContain("more frames a second than the server allows (flooding)");
});

longTest("a signal ends the run with its results so far, 130 or 143", async () => {
  await using place = await startBench();
  for (const [signal, expected] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    const conversation = `until-${signal}`;
    const process = place.folder.start(
      ["bench", "--rate", "50", "--duration", "60", "--conversation", conversation],
      place.env,
    );
    await using watcher = place.folder.start(["chat", `${conversation}-0`, "--json"], place.env);
    for await (const chunk of watcher.stdout)
      if (new TextDecoder().decode(chunk).includes('"message"')) break;
    process.kill(signal);
    expect(await process.exited).toBe(expected);
    expect(await new Response(process.stdout).text()).toMatch(/^acked +[1-9]/m);
  }
});

longTest("a terminal shows a progress bar, and then only the report", async () => {
  await using place = await startBench();
  const args = ["bench", "--rate", "100", "--duration", "1.5"];
  await using terminal = new ParleyTerminal(place.folder, args, place.env, 120);
  await terminal.shows(/^█+░* \d+ % {2}\d+ acked, /);
  expect(await terminal.ended).toBe(0);
  await terminal.shows(/^acked {6}150 in /);
  expect(terminal.lines.join("\n")).not.toContain("░");
});

test("a usage error ends with 2", async () => {
  await using place = await startBench();
  for (const args of [
    ["--clients", "0"],
    ["--rate", "fast"],
    ["--size", "70000"],
    ["--duration", "-1"],
    ["lobby"],
  ])
    expect(await place.bench(...args)).toMatchObject({ code: 2, stdout: "" });
});
