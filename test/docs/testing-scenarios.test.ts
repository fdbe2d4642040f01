// Runs the scenarios of docs/TESTING.md as printed.
import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { invalidMatcher } from "../../src/scenario/format/matchers.ts";
import { ParleyFolder } from "../cli/parley-folder.ts";
import { Recorder } from "../cli/run/recorder.ts";
import { freePort } from "../support/free-port.ts";
import { longTest } from "../support/long-test.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { blocksOf, ROOT, readPage, sectionOf } from "./pages.ts";

const page = readPage("docs/TESTING.md");
const blockOf = (word: string) => blocksOf(page).find(({ words }) => words[1] === word)!;

/** Starts the bot of the example as user2, in the conversation of the scenario. */
async function startBot(folder: ParleyFolder, url: string): Promise<Bun.Subprocess> {
  const body = new URLSearchParams({ username: "user2", password: "password" });
  const answer = await fetch(`${url}/token`, { method: "POST", body });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  const source = await Bun.file(join(ROOT, "examples/echo-bot.mjs")).text();
  folder.write("bot.ts", source.replace("parley/client", join(ROOT, "src/client/index.ts")));
  return Bun.spawn([process.execPath, "--no-env-file", "bot.ts", "bots"], {
    cwd: folder.path,
    env: { PATH: process.env.PATH ?? "", PARLEY_URL: url, PARLEY_TOKEN: token },
    stdout: "ignore",
    stderr: "ignore",
  });
}

describe("the scenario of a bot", () => {
  test("passes when the bot runs", async () => {
    await using folder = new ParleyFolder();
    const { url, output } = await folder.serve();
    const scenario = blockOf("scenario");
    expect(scenario.words).toEqual(["json", "scenario", "bot.jsonl"]);
    folder.write("bot.jsonl", scenario.text);
    const bot = await startBot(folder, url);
    try {
      await waitUntil("the bot is connected", () => output().stdout.includes('"connection.opened"'));
      const args = ["run", "bot.jsonl", "--conversation", "bots", "--url", url];
      const good = await folder.run(args);
      expect(good.stdout).toMatch(/^passed {2}bot\.jsonl: 4 of 4 as expected, /);
      expect(good.code).toBe(0);
    } finally {
      bot.kill();
      await bot.exited;
    }
  });
});

test("a difference in a recording is reported as docs/TESTING.md shows it", async () => {
  await using folder = new ParleyFolder();
  const { url } = await folder.serve();
  await using recorder = new Recorder(url);
  const ann = await recorder.open("ann", "user1");
  const bob = await recorder.open("bob", "user2");
  recorder.send("ann", { type: "message", id: "a1", text: "hello" });
  await Promise.all([ann.next("ack"), bob.next("message")]);
  const lines = recorder.text.split("\n");
  const received = lines.findIndex((line) =>
    line.includes('"client":"bob","dir":"in","frame":{"type":"message"'),
  );
  lines[received] = lines[received]!.replace('"hello"', '"Hello"');
  folder.write("talk.jsonl", lines.join("\n"));
  const ended = await folder.run(["run", "talk.jsonl", "--url", url]);
  expect(ended.code).toBe(1);
  // The position of a line, and the time, differ in each run.
  const inGeneral = (text: string) => text.replace(/jsonl:\d+/, "jsonl:n").replace(/[\d.]+ s$/m, "n s");
  expect(inGeneral(ended.stdout)).toBe(inGeneral(blockOf("output").text));
});

longTest("the workflow starts a server and runs scenarios: its commands run as printed", async () => {
  await using folder = new ParleyFolder();
  const workflow = Bun.YAML.parse(blockOf("workflow").text) as {
    jobs: { scenarios: { steps: { name?: string; run?: string }[] } };
  };
  const port = await freePort();
  const script = (name: string) => {
    const { run = "" } = workflow.jobs.scenarios.steps.find((step) => step.name === name)!;
    return run.replaceAll("8000", `${port}`);
  };
  symlinkSync(ROOT, join(folder.path, "parley"));
  for (const name of ["scenarios", "temp"]) mkdirSync(join(folder.path, name));
  folder.write("scenarios/first.jsonl", await Bun.file(join(ROOT, "examples/first-talk.jsonl")).text());
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: folder.path,
    RUNNER_TEMP: join(folder.path, "temp"),
    PORT: `${port}`,
  };
  // Like the service: a process that a step starts runs until the job ends.
  const both = `${script("Start Parley")}\n${script("Run the scenarios")}\ncode=$?\nkill $!\nwait\nexit $code`;
  const shell = Bun.spawn(["bash", "-c", both], { cwd: folder.path, env, stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([
    new Response(shell.stdout).text(),
    new Response(shell.stderr).text(),
  ]);
  expect([await shell.exited, err.replace(/.*Terminated.*\n|.*Done.*\n/g, "")]).toEqual([0, ""]);
  expect(out).toContain("passed  scenarios/first.jsonl: ");
  expect(await Bun.file(join(folder.path, "results.xml")).text()).toContain('failures="0" errors="0"');
});

test("every matcher has a row", () => {
  const known = /use one of (.*)$/.exec(invalidMatcher({ $no: true })!)![1]!.split(", ");
  const rows = sectionOf(page, "## Recording and scenario file format")
    .match(/^\| `\{"\$.*$/gm)!
    .join("\n");
  for (const name of known) expect(rows).toContain(`{"${name}":`);
});
