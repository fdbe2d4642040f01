import { Command, Option } from "commander";
import { readSettings, type SettingsRead } from "../../server/settings/read.ts";
import { CliError } from "../cli-error.ts";
import { integerOption } from "../flag-values.ts";
import { loadTarget, type Target } from "../server/target.ts";
import { addSettingFlags, type Flags, readEnvFile, SETTINGS_NOTE } from "../setting-flags.ts";
import { print } from "../terminal/print.ts";
import { CERTIFICATE_CHECK } from "./certificate.ts";
import type { Check, CheckReport } from "./check.ts";
import { DATA_DIR_CHECK } from "./data-dir.ts";
import { collectFacts, type DoctorFacts } from "./facts.ts";
import { REDIS_CHECK } from "./redis.ts";
import { EXIT_CODES, FORMATS, type Format, formatReports, overallStatus } from "./report.ts";
import { DOCTOR_USER, roundTripCheck } from "./round-trip.ts";
import { SERVER_CHECK } from "./server.ts";
import { SETTINGS_CHECK } from "./settings.ts";
import { STORE_CHECK } from "./store.ts";
import { TIME_CHECK } from "./time.ts";

interface DoctorFlags {
  readonly url?: string;
  readonly context?: string;
  readonly token?: string;
  readonly format: Format;
  readonly talk: boolean;
  readonly thorough?: boolean;
  readonly timeout: number;
}

/** Size up to which a store is read through unasked, in bytes: a second or two. */
const FULL_READ_MAX_BYTES = 256 * 1024 ** 2;

const NOTE = `
Looks at what a server with these settings would start on, and at the server that runs where they say, or at --url
(PARLEY_URL, --context). It changes nothing but this: with the server it talks for a moment, as user and in the
conversation ${DOCTOR_USER}, which takes two messages; the token for it is made with SECRET_KEY, or is PARLEY_TOKEN.
No server is a warning, unless one was named. Exit code 0: all is well, 1: a warning, 2: a problem (or a wrong call).`;

/** `parley doctor`: whether all is well with an installation, and what to do where it is not. */
export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description("check settings, data, Redis, clocks, certificates and a running server")
    .option("--url <address>", "the server to look at (default: where the settings have it listen)")
    .option("--context <context>", "server and token of this context; see parley context --help")
    .option("--token <token>", "token to talk with; PARLEY_TOKEN hides it from other users of this machine")
    .addOption(new Option("--format <format>", "how to report").choices(FORMATS).default("text"))
    .option("--no-talk", "send no messages")
    .option("--thorough", "read the whole store through, however large it is");
  command.addOption(
    integerOption(command, "--timeout <seconds>", "how long anything may take to answer", 1, 600).default(5),
  );
  return addSettingFlags(command).addHelpText("after", `${NOTE}\n${SETTINGS_NOTE}`).action(doctor);
}

async function doctor(flags: DoctorFlags & Flags): Promise<void> {
  const target = namedTarget(flags);
  const token = target?.secret ?? tokenOf(flags);
  const facts = await collectFacts({
    read: loadSettingsRead(flags),
    target,
    ...(token !== undefined && "token" in token && { token }),
    timeoutMs: flags.timeout * 1000,
    maxFullCheckBytes: flags.thorough ? Number.POSITIVE_INFINITY : FULL_READ_MAX_BYTES,
  });
  const reports = await runChecks(checks(flags.talk), facts);
  print(formatReports(flags.format, reports));
  process.exitCode = EXIT_CODES[overallStatus(reports)];
}

/** All checks, in the order in which they are told: what others depend on comes first. */
function checks(talk: boolean): readonly Check[] {
  return [
    SETTINGS_CHECK,
    DATA_DIR_CHECK,
    STORE_CHECK,
    REDIS_CHECK,
    CERTIFICATE_CHECK,
    SERVER_CHECK,
    TIME_CHECK,
    roundTripCheck(talk),
  ];
}

/** One after the other: each measures how long something takes. */
async function runChecks(all: readonly Check[], facts: DoctorFacts): Promise<CheckReport[]> {
  const reports: CheckReport[] = [];
  for (const check of all) reports.push({ check: check.name, ...(await check.run(facts)) });
  return reports;
}

/** The server that was named. One that is only selected is not: the doctor looks at what is here. */
function namedTarget({ url, context, token }: DoctorFlags): Target | undefined {
  const { PARLEY_URL, PARLEY_CONTEXT } = process.env;
  const isNamed = [url, context, PARLEY_URL, PARLEY_CONTEXT].some(Boolean);
  return isNamed
    ? loadTarget({ ...(url && { url }), ...(context && { context }), ...(token && { token }) })
    : undefined;
}

function tokenOf({ token }: DoctorFlags): { token: string; from: string } | undefined {
  if (token !== undefined) return { token, from: "--token" };
  const { PARLEY_TOKEN } = process.env;
  return PARLEY_TOKEN ? { token: PARLEY_TOKEN, from: "PARLEY_TOKEN" } : undefined;
}

/** As `serve` reads them; what is wrong is not the end, but the first thing to tell. */
function loadSettingsRead(flags: Flags): SettingsRead {
  try {
    const envFile = readEnvFile();
    return readSettings({ flags, env: process.env, ...(envFile !== undefined && { envFile }) });
  } catch (error) {
    if (error instanceof CliError) return { problems: error.lines, warnings: [] };
    throw error;
  }
}
