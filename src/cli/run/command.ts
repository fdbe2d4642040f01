import { readFileSync, writeFileSync } from "node:fs";
import { Command } from "commander";
import type { SigningKey } from "../../conformance/token-signer.ts";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import type { Problem } from "../../scenario/format/parse.ts";
import { parseRecordingOrHar } from "../../scenario/format/read-har.ts";
import { type Plan, planRun } from "../../scenario/run/plan.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { collectOption, secondsOption } from "../flag-values.ts";
import { loadTarget } from "../server/target.ts";
import { print, printJson, printNote } from "../terminal/print.ts";
import { type IdentityFlags, resolveIdentities } from "./identities.ts";
import { junitOf } from "./junit.ts";
import { colorsFor, formatReport } from "./report.ts";
import { type FileResult, hasFailed, resultsOf } from "./results.ts";
import { runRecording } from "./runner.ts";
import { findTokens, type TokenDeps } from "./tokens.ts";

interface RunFlags extends Partial<IdentityFlags> {
  readonly url?: string;
  readonly context?: string;
  readonly secretKeyFile?: string;
  readonly issuer: string;
  readonly audience: string;
  readonly timeout: number;
  readonly pace?: boolean;
  readonly junit?: string;
  readonly json?: boolean;
}

const NOTE = `
A file is a recording, as the console exports it (JSON lines or HAR), a HAR file of a browser, or written by hand;
docs/TESTING.md has the format. Everything that a client sent is sent again as fast as the answers come, and what comes
back is held against what the file has. Times, the numbers of the quota and names that the server makes may be others.

Each client is the user whom the file names, and each conversation a new one, so that nothing of earlier runs is in it.
--user ann=alice has alice play ann, --conversation lobby=lobby goes into the real lobby. "ann=" and "lobby=" may be left
out where the file has one only.

Who the users are is shown by --token, by PARLEY_PASSWORD_ALICE or PARLEY_PASSWORD (for everybody), by the selected
context, or by a password that is asked for on the terminal. Demo accounts need nothing, and with --secret-key-file
nobody does. PARLEY_URL and PARLEY_CONTEXT stand for --url and --context.

Exit code 0: all came as expected; 1: something else; 2: a file cannot be read, or the call is wrong.

  parley examples first-talk > first-talk.jsonl
  parley run first-talk.jsonl
  parley run *.jsonl --url http://127.0.0.1:8000 --junit results.xml`;

/** `parley run <file…>`: plays recordings against a server, and compares. */
export function runCommand(): Command {
  const command = new Command("run");
  return command
    .argument("<file...>", "recordings or scenarios; - for standard input")
    .description("play recordings against a server, and compare what comes back")
    .option("--url <address>", "the server (default: http://127.0.0.1:8000)")
    .option("--context <context>", "the server of this context")
    .option("--user <[client=]user>", "who plays a client; may be given several times", collectOption)
    .option(
      "--token <[client=]token>",
      "token of who plays a client; may be given several times",
      collectOption,
    )
    .option("--conversation <[name=]name>", "where it takes place; may be given several times", collectOption)
    .option("--secret-key-file <path>", "file with the server's SECRET_KEY, to sign tokens for everybody")
    .option("--issuer <name>", "issuer of such tokens", process.env.TOKEN_ISSUER || "parley")
    .option("--audience <name>", "audience of such tokens", process.env.TOKEN_AUDIENCE || "parley")
    .addOption(
      secondsOption(
        command,
        "--timeout <seconds>",
        "how long each answer may take, beside what it took in the recording",
        0.001,
        86_400,
      ).default(5),
    )
    .option("--pace", "send nothing earlier than in the recording")
    .option("--junit <file>", "write the results as JUnit XML, too")
    .option("--json", "answer as JSON, for scripts")
    .addHelpText("after", NOTE)
    .action(run);
}

async function run(files: readonly string[], flags: RunFlags): Promise<void> {
  const target = loadTarget({
    ...(flags.url !== undefined && { url: flags.url }),
    ...(flags.context !== undefined && { context: flags.context }),
  });
  const key = readKey(flags);
  // All of them, before anything is sent: a slip in the last file should not be found after minutes.
  const plans = files.map((file) => ({ file: file === "-" ? "standard input" : file, ...planOf(file) }));
  const problems = plans.flatMap(({ file, problems }) =>
    problems.map(({ line, message }) => `${file}:${line}: ${message}.`),
  );
  if (problems.length > 0) throw new UsageError(...problems);
  const results: FileResult[] = [];
  const signedIn: TokenDeps["signedIn"] = new Map();
  const paint = colorsFor(process.stdout);
  for (const { file, plan } of plans) {
    const result = await runFile(file, plan!, { flags, target, key, signedIn });
    results.push(result);
    if (!flags.json) print(formatReport(result, paint));
  }
  if (flags.json) printJson({ server: target.ws, files: results }, 2);
  if (flags.junit !== undefined) writeJunit(flags.junit, results);
  if (results.some((file) => file.results.some(hasFailed))) process.exitCode = 1;
}

async function runFile(
  file: string,
  plan: Plan,
  { flags, target, key, signedIn }: TokenDeps & { readonly flags: RunFlags },
): Promise<FileResult> {
  const { recording, dropped } = plan;
  if (dropped > 0)
    printNote(
      `${escapeControlChars(file)}: ${dropped} messages were said by nobody of the file; they are left out.`,
    );
  const { user = [], token = [], conversation = [] } = flags;
  const identities = resolveIdentities(recording, { user, token, conversation });
  const tokens = await findTokens(recording, identities, { target, key, signedIn });
  const options = { timeoutMs: flags.timeout * 1000, pace: flags.pace ?? false };
  const begin = performance.now();
  const runner = await runRecording({ plan, identities, target, tokens, options });
  const seconds = (performance.now() - begin) / 1000;
  return { file, clients: recording.clients.length, results: resultsOf(plan, runner), seconds };
}

function planOf(file: string): { readonly plan?: Plan; readonly problems: readonly Problem[] } {
  const read = parseRecordingOrHar(readText(file));
  return read.recording === undefined ? { problems: read.problems } : planRun(read.recording);
}

function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(`The file ${JSON.stringify(file)} cannot be read (${code ?? message}).`);
  }
}

function readKey({ secretKeyFile: path, issuer, audience }: RunFlags): SigningKey | undefined {
  if (path === undefined) return undefined;
  try {
    return { secret: readFileSync(path, "utf8").trim(), issuer, audience };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(`The file ${JSON.stringify(path)} cannot be read (${code ?? message}).`);
  }
}

function writeJunit(path: string, results: readonly FileResult[]): void {
  try {
    writeFileSync(path, junitOf(results));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliError(`The results cannot be written to ${JSON.stringify(path)} (${code ?? message}).`);
  }
}
