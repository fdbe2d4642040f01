import { resolve } from "node:path";
import { Command } from "commander";
import { readGrants } from "../../core/access/grants.ts";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import type { Account } from "../../core/ports/accounts.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import { createKeys } from "../../server/authentication/keys.ts";
import { isAcceptedKey } from "../../server/authentication/signing-key-check.ts";
import { signToken } from "../../server/authentication/tokens.ts";
import { systemClock } from "../../server/process/system-clock.ts";
import { integer } from "../../server/settings/parsers.ts";
import { findSecretKey, keyFileOf } from "../../server/settings/secret-key.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { addStoreFlags, loadStoreSettings } from "../setting-flags.ts";
import { withStore } from "../store/open.ts";
import { storeProvider } from "../store/providers.ts";
import { print, printNote } from "../terminal/print.ts";

/** Longest lifetime of a token from this command, for programs that cannot sign in: a year, in seconds. */
const MAX_LIFETIME = 31_536_000;

interface TokenFlags {
  readonly lifetime?: string;
  readonly plan?: string;
  readonly conversations?: string;
  readonly rights?: string;
}

/** `parley token <user>`: prints a token, and only that, for scripts. The user needs no account. */
export function tokenCommand(): Command {
  const command = new Command("token")
    .argument("<user>")
    .description("print a token for a user, with or without an account");
  return addStoreFlags(command)
    .option("--lifetime <seconds>", "lifetime of the token, in seconds (default: TOKEN_LIFETIME)")
    .option("--plan <plan>", "plan of a user without an account (default: DEFAULT_PLAN)")
    .option("--conversations <list>", "allowed conversations, such as lobby,team-* (default: all)")
    .option("--rights <rights>", "allowed actions: read, write, manage (default: read,write)")
    .action(token);
}

async function token(user: string, flags: TokenFlags): Promise<void> {
  const { lifetime, plan } = flags;
  const settings = loadStoreSettings(flags);
  const problems: string[] = [];
  if (!isIdentifier(user))
    problems.push(`${JSON.stringify(user)} is not a valid user name: use ${IDENTIFIER_RULE}.`);
  const life =
    lifetime === undefined
      ? { value: settings.tokenLifetime }
      : integer("seconds", 1, MAX_LIFETIME).parse(lifetime);
  if ("problem" in life) problems.push(`--lifetime=${JSON.stringify(lifetime)} ${life.problem}.`);
  const { plans } = settings.plans;
  if (plan !== undefined && !plans.has(plan))
    problems.push(`There is no plan ${JSON.stringify(plan)}; PLANS has ${[...plans.keys()].join(", ")}.`);
  const granted = readGrants(flags.conversations?.split(","), flags.rights?.split(","));
  if ("problem" in granted)
    problems.push(`The token could not be used: ${granted.problem}; see docs/TOKENS.md.`);
  if ("problem" in life || "problem" in granted || problems.length > 0) throw new UsageError(...problems);

  const { account, isAccepted } = await readStore(settings, user);
  if (account?.disabled)
    throw new CliError(
      `The account ${user} is disabled, so a token would be rejected. Enable it first: parley user enable ${user}`,
    );
  if (account !== undefined && plan !== undefined)
    printNote(`warning: --plan is ignored: the account ${user} has the plan ${account.plan}.`);
  const key = findSecretKey(settings);
  if ("problem" in key) throw new CliError(key.problem);
  if (!isAccepted(key.secret)) throw new CliError(wrongKeyProblem(settings));
  if (key.warning !== undefined) printNote(`warning: ${key.warning}`);

  const keys = await createKeys(settings, key.secret);
  const now = systemClock().now();
  const optional = { ...(plan !== undefined && { plan }), ...(account && { account: account.createdAt }) };
  const { grants } = granted;
  print(await signToken(keys, { subject: user, grants, lifetime: life.value, now, ...optional }));
}

interface StoreFacts {
  readonly account: Account | undefined;
  /** Returns whether the server would accept a token signed with `secret`. */
  isAccepted(secret: string): boolean;
}

/** Reads the user's account and the server's keys. With SECRET_KEY a token needs no store, as in an application that signs its own tokens. */
async function readStore(settings: Settings, user: string): Promise<StoreFacts> {
  if (settings.secretKey === undefined || storeProvider(settings).exists())
    return withStore(settings, async ({ accounts, signingKeys }) => {
      const [account, digests] = await Promise.all([accounts.find(user), signingKeys.read()]);
      return { account, isAccepted: (secret) => isAcceptedKey(digests, secret) };
    });
  printNote(
    `note: signed with SECRET_KEY without looking up an account: there is no store in ${escapeControlChars(resolve(settings.dataDir))}.`,
  );
  return { account: undefined, isAccepted: () => true };
}

function wrongKeyProblem(settings: Settings): string {
  const path = settings.secretKey === undefined ? keyFileOf(settings) : undefined;
  const key = path === undefined ? "SECRET_KEY" : `The key in ${escapeControlChars(resolve(path))}`;
  return `${key} is not the key of the server that started last on this store, which would reject the token. Give the server's SECRET_KEY; after a change of the key, restart the server first.`;
}
