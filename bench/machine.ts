import { cpus, release, totalmem } from "node:os";

/** Where and with what a run was made; without it a figure means nothing. */
export interface Machine {
  readonly date: string;
  /** Short hash, with `+` when files that count were changed since. */
  readonly commit: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly bun: string;
  readonly go: string;
}

export function describeMachine(toolchain: string): Machine {
  return {
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    commit: commit(),
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `Linux ${release()}`,
    bun: Bun.version,
    go: toolchain,
  };
}

function commit(): string {
  const git = (...words: string[]) => {
    const { success, stdout } = Bun.spawnSync(["git", ...words], { cwd: import.meta.dir, stderr: "ignore" });
    return success ? stdout.toString().trim() : undefined;
  };
  const hash = git("rev-parse", "--short", "HEAD");
  if (hash === undefined) return "not a git checkout";
  const results = [":!RESULTS.md", ":!results.json", ":!plots"];
  return git("status", "--porcelain", "--", "../src", "../package-lock.json", ".", ...results) === ""
    ? hash
    : `${hash}+`;
}
