import { expect, test } from "bun:test";
import { join } from "node:path";
import { isLong } from "../support/random.ts";

const LOAD = join(import.meta.dir, "../../bench/load");

// To compile them takes 20 s of processor time where Go's cache is empty, so `npm test` skips them unless it is the long form.
const go = isLong ? Bun.which("go") : null;

// What the load generator counts and when it sends: a mistake there shows as a faster server, not as a failure.
test.skipIf(go === null)("the load generator's own tests pass: counters, schedule, percentiles", async () => {
  const child = Bun.spawn(["go", "test", "./..."], {
    cwd: LOAD,
    env: { ...process.env, GOTOOLCHAIN: "local", CGO_ENABLED: "0" },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  expect(`${output}${errors}`).toContain("ok");
  expect(await child.exited).toBe(0);
});
