import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The program that npm installs as `parley`. */
export const BIN = join(import.meta.dir, "../../bin/parley.mjs");

/**
 * The command line: from its sources, or, where `npm test` says so, from one file that it has made of them, which starts in
 * half of the time (support/built-program.ts). Tests of `BIN` always start the sources.
 */
export const MAIN = process.env.TEST_PROGRAM ?? join(import.meta.dir, "../../src/cli/main.ts");

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  /** Address of the page, from the block that the start prints. */
  readonly url: string;
  readonly process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  /** Everything written so far. */
  output(): { stdout: string; stderr: string };
}

/** A command ends before compiled code pays: without a compiler it takes a quarter less processor time. */
const WITHOUT_COMPILER = { BUN_JSC_useJIT: "0" };

/** A temporary folder in which the real command line runs as a real process; removed at the end of the test. */
export class ParleyFolder implements AsyncDisposable {
  readonly path = mkdtempSync(join(tmpdir(), "parley-cli-"));
  private readonly running: Bun.Subprocess[] = [];

  /** `program` replaces the command line, for tests of a broken server. */
  constructor(readonly program = MAIN) {}

  /** Runs a command to its end, with `stdin` as its input. */
  async run(
    args: string[],
    { stdin = "", env = {} }: { stdin?: string; env?: Record<string, string> } = {},
  ): Promise<Ended> {
    const process = this.spawn(args, { ...WITHOUT_COMPILER, ...env }, new Blob([stdin]));
    const [stdout, stderr, code] = await Promise.all([
      new Response(process.stdout).text(),
      new Response(process.stderr).text(),
      process.exited,
    ]);
    return { code, stdout, stderr };
  }

  /** Starts the server, with `wrapper` before its command line, and waits until it has printed its block. */
  async serve(
    args: string[] = [],
    env: Record<string, string> = {},
    wrapper: readonly string[] = [],
  ): Promise<Running> {
    // Programs that replace the command line have no commands.
    const command = this.program === MAIN ? ["serve"] : [];
    const process = this.spawn([...command, ...args], { PORT: "0", ...env }, "ignore", wrapper);
    this.running.push(process);
    const written = { stdout: "", stderr: "" };
    void gather(process.stdout, (text) => {
      written.stdout += text;
    });
    const url = await new Promise<string>((resolve, reject) => {
      void gather(process.stderr, (text) => {
        written.stderr += text;
        const page = /Console +(\S+)\/\n/.exec(written.stderr)?.[1];
        if (page !== undefined) resolve(page);
      }).then(() => reject(new Error(`The server ended: ${written.stderr}${written.stdout}`)));
    });
    return { url, process, output: () => ({ ...written }) };
  }

  /** Starts a command that runs until it is stopped; its standard input stays open. */
  start(args: string[], env: Record<string, string> = {}): Bun.Subprocess<"pipe", "pipe", "pipe"> {
    const process = this.spawn(args, env, "pipe");
    this.running.push(process);
    return process;
  }

  /** Puts a file into the folder. */
  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.running) process.kill("SIGKILL");
    await Promise.all(this.running.map(({ exited }) => exited));
    rmSync(this.path, { recursive: true, force: true });
  }

  private spawn<In extends "ignore" | "pipe" | Blob>(
    args: string[],
    env: Record<string, string>,
    stdin: In,
    wrapper: readonly string[] = [],
  ) {
    return Bun.spawn([...wrapper, process.execPath, "--no-env-file", this.program, ...args], {
      cwd: this.path,
      // Nothing of the environment that the tests run in, or a developer's settings would decide about them.
      // Tests count the messages of their own conversations; `DEMO_CONVERSATIONS` is for those about the first start.
      env: {
        PATH: process.env.PATH ?? "",
        HOME: this.path,
        BCRYPT_COST: "4",
        DEMO_CONVERSATIONS: "false",
        ...env,
      },
      stdin,
      stdout: "pipe",
      stderr: "pipe",
    });
  }
}

async function gather(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
}
