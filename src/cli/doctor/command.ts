import { Command, Option } from "commander";
import { readSettings, type SettingsRead } from "../../server/settings/read.ts";
import { CliError } from "../cli-error.ts";
import { integerOption } from "../flag-values.ts";
import { loadTarget, type Target } from "../server/target.ts";
import { addSettingFlags, type Flags, readEnvFile, SETTINGS_NOTE } from "../setting-flags.ts";
import { print } from "../terminal/print.ts";
import { APPROVAL_CHECK } from "./approval.ts";
import { CERTIFICATE_CHECK } from "./certificate.ts";
import type { Check, CheckReport } from "./check.ts";
import { DATA_DIR_CHECK } from "./data-dir.ts";
import { collectFacts, type DoctorFacts } from "./facts.ts";
import { FEED_CHECK } from "./feed.ts";
import { REDIS_CHECK } from "./redis.ts";
import { EXIT_CODES, FORMATS, type Format, formatReports, overallStatus } from "./report.ts";
import { DOCTOR_USER, roundTripCheck } from "./round-trip.ts";
import { SERVER_CHECK } from "./server.ts";
import { SETTINGS_CHECK } from "./settings.ts";
import { STORE_CHECK } from "./store.ts";
import { TIME_CHECK } from "./time.ts";
import { WEBHOOKS_CHECK } from "./webhooks.ts";

interface DoctorFlags {
  readonly url?: string;
  readonly context?: string;
  readonly token?: string;
  readonly format: Format;
  readonly talk: boolean;
  readonly thorough?: boolean;
  readonly timeout: number;
}

/** Size up to which a store is always read completely, in bytes; this takes a second or two. */
const FULL_READ_MAX_BYTES = 256 * 1024 ** 2;

const NOTE = `
Checks the settings and the data, and the running server at the address in the settings, or at --url (PARLEY_URL,
--context). It changes nothing, except that it sends two messages to the server, as user ${DOCTOR_USER} in the conversation
${DOCTOR_USER} (not with --no-talk). It signs in with SECRET_KEY or PARLEY_TOKEN.
A server that does not respond is a warning, or a problem if it was named. Exit code 0: ok, 1: warnings, 2: problems, or a
usage error.`;

/** `parley doctor`: checks an installation, and suggests fixes. */
export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description("check settings, data, Redis, clocks, certificates and a running server")
    .option("--url <address>", "the server to check (default: the address in the settings)")
    .option("--context <context>", "server and token of this context; see parley context --help")
    .option(
      "--token <token>",
      "token to sign in with; PARLEY_TOKEN hides it from other users of this machine",
    )
    .addOption(new Option("--format <format>", "format of the report").choices(FORMATS).default("text"))
    .option("--no-talk", "send no messages to the server")
    .option("--thorough", "read the whole store, however large it is");
  command.addOption(
    integerOption(command, "--timeout <seconds>", "longest wait for each response", 1, 600).default(5),
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

/** Returns all checks, in the order of the report: those that others depend on come first. */
function checks(talk: boolean): readonly Check[] {
  return [
    SETTINGS_CHECK,
    DATA_DIR_CHECK,
    STORE_CHECK,
    REDIS_CHECK,
    FEED_CHECK,
    WEBHOOKS_CHECK,
    CERTIFICATE_CHECK,
    APPROVAL_CHECK,
    SERVER_CHECK,
    TIME_CHECK,
    roundTripCheck(talk),
  ];
}

/** Runs one check after the other, so that they do not disturb each other's measurements. */
async function runChecks(all: readonly Check[], facts: DoctorFacts): Promise<CheckReport[]> {
  const reports: CheckReport[] = [];
  for (const check of all) reports.push({ check: check.name, ...(await check.run(facts)) });
  return reports;
}

/** Returns the server that was named. A selected context does not count: by default the doctor checks the local server. */
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

/** Reads the settings like `serve`; problems are part of the report instead of an error. */
function loadSettingsRead(flags: Flags): SettingsRead {
  try {
    const envFile = readEnvFile();
    return readSettings({ flags, env: process.env, ...(envFile !== undefined && { envFile }) });
  } catch (error) {
    if (error instanceof CliError) return { problems: error.lines, warnings: [] };
    throw error;
  }
}
