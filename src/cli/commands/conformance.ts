import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Command } from "commander";
import type { TestUser } from "../../conformance/context.ts";
import { formatTable, summarize } from "../../conformance/report.ts";
import { runConformance } from "../../conformance/run.ts";
import { parseServerAddress, type ServerAddress } from "../../conformance/server-address.ts";
import { type SigningKey, sign } from "../../conformance/token-signer.ts";
import { isIdentifier } from "../../protocol/identifiers.ts";
import { explainRequestError } from "../../server/request-errors.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { collectOption } from "../flag-values.ts";
import { print, printJson } from "../terminal/print.ts";

interface ConformanceFlags {
  readonly user?: readonly string[];
  readonly secretKeyFile?: string;
  readonly issuer: string;
  readonly audience: string;
  readonly json?: boolean;
}

/** The two demo accounts with the largest plans: a run uses some 50 requests of each. */
const DEMO_ACCOUNTS = ["user2:password", "user3:password"];

const NOTE = `
The users of the run are the two accounts given with --user; or, with the server's key, new users; or the demo accounts
user2 and user3. The rules about tokens are only checked with the key (SECRET_KEY in the environment, or
--secret-key-file), those of the operator's API with an API key that has manage (PARLEY_API_KEY in the environment).
The rules are those of docs/PROTOCOL.md. A run opens a few dozen sockets, a few at a time, in conversations named
parley-check-…, which it removes at its end, and takes less than half a minute.
Exit code 1: the server violates a rule; 2: the command line was wrong.`;

/** `parley conformance <url>`: tests a running server, or a proxy in front of one, against the rules of the protocol. */
export function conformanceCommand(): Command {
  return new Command("conformance")
    .argument("<url>", "URL of the server, such as ws://127.0.0.1:8000")
    .description("check a running server against the rules of the protocol")
    .option("--user <name:password>", "an account to use; give two", collectOption)
    .option("--secret-key-file <path>", "file with the server's SECRET_KEY")
    .option("--issuer <name>", "issuer of the tokens it signs", process.env.TOKEN_ISSUER || "parley")
    .option("--audience <name>", "audience of the tokens it signs", process.env.TOKEN_AUDIENCE || "parley")
    .option("--json", "print JSON, for scripts")
    .addHelpText("after", NOTE)
    .action(conformance);
}

async function conformance(address: string, flags: ConformanceFlags): Promise<void> {
  const target = parseServerAddress(address);
  if (target === undefined)
    throw new UsageError(
      `${JSON.stringify(address)} is not the URL of a server; give one such as ws://127.0.0.1:8000.`,
    );
  const key = readKey(flags);
  const users = await resolveUsers(target, flags.user ?? [], key);
  const operatorKey = process.env.PARLEY_API_KEY;
  const results = await runConformance({
    ...{ target, users },
    ...(key !== undefined && { key }),
    ...(operatorKey && { operatorKey }),
  });
  if (flags.json) printJson({ server: target.ws, ...summarize(results), results }, 2);
  else print(formatTable(results));
  if (summarize(results).failed > 0) process.exitCode = 1;
}

function readKey({ secretKeyFile, issuer, audience }: ConformanceFlags): SigningKey | undefined {
  const secret = secretKeyFile === undefined ? process.env.SECRET_KEY : readKeyFile(secretKeyFile);
  return secret ? { secret, issuer, audience } : undefined;
}

function readKeyFile(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(`The file ${JSON.stringify(path)} cannot be read (${code ?? message}).`);
  }
}

async function resolveUsers(
  target: ServerAddress,
  accounts: readonly string[],
  key: SigningKey | undefined,
): Promise<[TestUser, TestUser]> {
  if (accounts.length !== 0 && accounts.length !== 2)
    throw new UsageError("Give two accounts: --user name:password --user name:password.");
  for (const account of accounts)
    if (!/.:/s.test(account) || !isIdentifier(splitAccount(account).user))
      throw new UsageError("Give each account as --user name:password.");
  if (accounts.length === 0 && key !== undefined) {
    await fetchServer(target);
    const run = randomBytes(6).toString("hex");
    const [ann, bob] = [`conformance-${run}-ann`, `conformance-${run}-bob`];
    return [
      { user: ann, token: sign(key, ann) },
      { user: bob, token: sign(key, bob) },
    ];
  }
  const [ann, bob] = accounts.length === 0 ? DEMO_ACCOUNTS : accounts;
  return [await signIn(target, ann!), await signIn(target, bob!)];
}

async function fetchServer(target: ServerAddress, path = "/", init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(`${target.http}${path}`, { ...init, signal: AbortSignal.timeout(10_000) });
  } catch (error) {
    throw new CliError(`${target.http} cannot be reached (${explainRequestError(error)}).`);
  }
}

function splitAccount(account: string): { readonly user: string; readonly password: string } {
  const colon = account.indexOf(":");
  return { user: account.slice(0, colon), password: account.slice(colon + 1) };
}

async function signIn(target: ServerAddress, account: string): Promise<TestUser> {
  const { user, password } = splitAccount(account);
  const body = new URLSearchParams({ username: user, password });
  const response = await fetchServer(target, "/token", { method: "POST", body });
  const { access_token: token } = (await response.json().catch(() => ({}))) as { access_token?: unknown };
  if (response.ok && typeof token === "string") return { user, token };
  throw new CliError(
    `${user} cannot sign in at ${target.http}/token (status ${response.status}). Give two accounts with --user, or the key with --secret-key-file.`,
  );
}
