import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };

const FOLDER = join(import.meta.dir, "../../.github/workflows");

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

interface Job {
  readonly "runs-on": string;
  readonly "timeout-minutes"?: number;
  readonly needs?: readonly string[];
  readonly steps: readonly Step[];
  readonly strategy?: { readonly matrix: { readonly include?: readonly { readonly platform: string }[] } };
}

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const workflows = readdirSync(FOLDER).map((name) => ({
  name,
  workflow: Bun.YAML.parse(readFileSync(join(FOLDER, name), "utf8")) as Workflow,
}));

test("SEC-P5 workflows pin each action to a whole version, may only read by default, end in time, and run scripts that exist", () => {
  expect(workflows.map(({ name }) => name).sort()).toEqual(["release.yml", "test.yml"]);
  for (const { workflow } of workflows) {
    expect(workflow.permissions).toEqual({ contents: "read" });
    for (const [name, { steps, needs = [], ...job }] of Object.entries(workflow.jobs)) {
      expect(job["timeout-minutes"], name).toBeNumber();
      for (const other of needs) expect(workflow.jobs).toHaveProperty(other);
      for (const { uses, run = "" } of steps) {
        if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w-]+@v\d+\.\d+\.\d+$/);
        for (const [, script = ""] of run.matchAll(/\bnpm run ([\w:]+)/g))
          expect(manifest.scripts).toHaveProperty(script);
      }
    }
  }
});

test("OP5 a release has packages of Linux on x64 and arm64 and of macOS, the chart, and checksums of all", () => {
  const { jobs } = workflows.find(({ name }) => name === "release.yml")!.workflow;
  const platforms = jobs.packages!.strategy!.matrix.include!.map(({ platform }) => platform);
  expect(platforms.sort()).toEqual(["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64"]);
  const commands = (name: string) => jobs[name]!.steps.map(({ run = "" }) => run).join("\n");
  expect(commands("packages")).toContain("npm run package");
  expect(commands("chart")).toContain("helm package deploy/helm/parley");
  expect(jobs.release!.needs).toEqual(["packages", "chart"]);
  expect(commands("release")).toContain("sha256sum");
});
