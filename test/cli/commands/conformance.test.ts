import { expect, test } from "bun:test";
import { startFaultyProxy } from "../../conformance/faulty-proxy.ts";
import { ParleyFolder } from "../parley-folder.ts";

test("`parley conformance` ends with 0 if every rule is kept, and with 1 and the rule if one is broken; no conversation is left behind", async () => {
  await using folder = new ParleyFolder();
  const { url } = await folder.serve();
  await using proxy = await startFaultyProxy(Number(new URL(url).port), {
    frames: (all) => all.filter(({ type }) => type !== "closing"),
  });
  // One after the other: both use the same accounts, and the checks count what is left of their quotas.
  const good = await folder.run(["conformance", url.replace("http", "ws")]);
  const bad = await folder.run([
    "conformance",
    `http://127.0.0.1:${proxy.port}`,
    "--json",
    "--user",
    "user1:password",
    "--user",
    "user3:password",
  ]);
  expect(good).toMatchObject({ code: 0, stderr: "" });
  expect(good.stdout).toContain("\nD1  passed   each client receives 1, 2, 3");
  expect(good.stdout).toMatch(/\n\d+ passed, 0 failed, \d+ skipped\n$/);
  expect(bad).toMatchObject({ code: 1, stderr: "" });
  const { failed, results } = JSON.parse(bad.stdout);
  expect(failed).toBe(1);
  expect(results.find(({ outcome }: { outcome: string }) => outcome === "failed").rule).toBe("F3");
  const list = await folder.run(["conversation", "list", "--json"]);
  expect(JSON.parse(list.stdout)).toEqual([]);
});

test("`parley conformance` explains in one line why it cannot begin", async () => {
  await using folder = new ParleyFolder();
  const { url } = await folder.serve();
  const wrong = await folder.run(["conformance", "127.0.0.1:8000"]);
  expect(wrong).toMatchObject({ code: 2, stdout: "" });
  expect(wrong.stderr).toContain("is not the URL of a server");
  const calls: [string[], string, number][] = [
    [["ws://127.0.0.1:1"], "parley: http://127.0.0.1:1 cannot be reached (nothing listens there).\n", 1],
    [[url, "--user", "user1:password"], "Give two accounts", 2],
    [[url, "--user", "user1:wrong-password", "--user", "user2:password"], "user1 cannot sign in", 1],
    [[url, "--secret-key-file", "nowhere"], 'The file "nowhere" cannot be read', 2],
  ];
  const ended = await Promise.all(calls.map(([args]) => folder.run(["conformance", ...args])));
  for (const [at, [, why, code]] of calls.entries()) {
    expect(ended[at]!.code).toBe(code);
    expect(ended[at]!.stderr).toContain(why);
    expect(ended[at]!.stderr.trim().split("\n")).toHaveLength(1);
    expect(ended[at]!.stderr).not.toContain("wrong-password");
  }
});
