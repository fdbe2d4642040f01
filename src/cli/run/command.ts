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
A file is a recording that the console exported (JSON lines or HAR), a HAR file of a browser, or a handwritten scenario;
docs/TESTING.md documents the format. All frames that a client sent are sent again, as fast as the replies arrive, and the
received frames are compared with the file. Times, quotas, and ids that the server generates may differ.

Each client runs as the user in the file. Each conversation is a new one, without messages of earlier runs.
--user ann=alice runs the client ann as alice; --conversation lobby=lobby uses the real lobby. "ann=" and "lobby=" may be
omitted if the file has only one client or conversation.

The users sign in with --token, PARLEY_PASSWORD_ALICE or PARLEY_PASSWORD (for all users), the selected context, or a
password from a prompt. Demo accounts need no password, and with --secret-key-file no user does.
PARLEY_URL and PARLEY_CONTEXT can replace --url and --context.

Exit code 0: all as expected; 1: not as expected; 2: a file cannot be read, or a usage error.

  parley examples first-talk > first-talk.jsonl
  parley run first-talk.jsonl
  parley run *.jsonl --url http://127.0.0.1:8000 --junit results.xml`;

/** `parley run <file…>`: runs recordings against a server, and compares the received frames. */
export function runCommand(): Command {
  const command = new Command("run");
  return command
    .argument("<file...>", "recordings or scenarios; - for standard input")
    .description("run recordings against a server, and compare the received frames")
    .option("--url <address>", "the server (default: http://127.0.0.1:8000)")
    .option("--context <context>", "the server of this context")
    .option("--user <[client=]user>", "user of a client; may be given several times", collectOption)
    .option("--token <[client=]token>", "token of a client; may be given several times", collectOption)
    .option("--conversation <[name=]name>", "conversation to use; may be given several times", collectOption)
    .option("--secret-key-file <path>", "file with the server's SECRET_KEY, to sign tokens for all users")
    .option("--issuer <name>", "issuer of the tokens it signs", process.env.TOKEN_ISSUER || "parley")
    .option("--audience <name>", "audience of the tokens it signs", process.env.TOKEN_AUDIENCE || "parley")
    .addOption(
      secondsOption(
        command,
        "--timeout <seconds>",
        "how long each reply may take, in addition to its time in the recording",
        0.001,
        86_400,
      ).default(5),
    )
    .option("--pace", "send frames no earlier than in the recording")
    .option("--junit <file>", "also write the results as JUnit XML")
    .option("--json", "print JSON, for scripts")
    .addHelpText("after", NOTE)
    .action(run);
}

async function run(files: readonly string[], flags: RunFlags): Promise<void> {
  const target = loadTarget({
    ...(flags.url !== undefined && { url: flags.url }),
    ...(flags.context !== undefined && { context: flags.context }),
  });
  const key = readKey(flags);
  // Check all files before anything is sent: an error in the last file should not show up after minutes.
  const plans = files.map((file) => ({ file: file === "-" ? "standard input" : file, ...planOf(file) }));
  const problems = plans.flatMap(({ file, problems }) =>
    problems.map(({ line, message }) => `${file}:${line}: ${message}.`),
  );
  if (problems.length > 0) throw new UsageError(...problems);
  const results: FileResult[] = [];
  const signedIn: TokenDeps["signedIn"] = new Map();
  const colorize = colorsFor(process.stdout);
  for (const { file, plan } of plans) {
    const result = await runFile(file, plan!, { flags, target, key, signedIn });
    results.push(result);
    if (!flags.json) print(formatReport(result, colorize));
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
    printNote(`${escapeControlChars(file)}: ${dropped} messages of users outside the file are ignored.`);
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
