import { Command } from "commander";
import { type ApiKeyGrants, RIGHTS_BY_NAME } from "../../core/access/api-keys.ts";
import { isConversationPattern, MAX_GRANTED_CONVERSATIONS } from "../../core/access/grants.ts";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { apiKeyAnswer } from "../../core/operator/answers.ts";
import { MAX_STORED_API_KEYS } from "../../core/ports/access/api-keys.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import { hashOfApiKey, newApiKey } from "../../server/authentication/api-keys.ts";
import { systemClock } from "../../server/process/system-clock.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { addStoreFlags, loadStoreSettings } from "../setting-flags.ts";
import { printStorePath, withStore } from "../store/open.ts";
import { print, printJson, printNote } from "../terminal/print.ts";
import { formatTable } from "../terminal/table.ts";

interface GrantFlags {
  readonly rights: string;
  readonly conversation?: readonly string[];
  readonly json?: boolean;
}

const NOTE = `
  parley api-key add billing --rights write
  parley api-key add support-bot --rights read+write --conversation 'support-*'
  parley api-key revoke billing`;

/** `parley api-key …`: makes, lists and revokes keys of programs in the store, which running servers accept within a second. */
export function apiKeyCommand(): Command {
  const apiKey = new Command("api-key").description("make, list and revoke the keys of programs");
  addStoreFlags(
    addRights(apiKey.command("add").argument("<name>"))
      .description("make a key, and show it once; the store has its hash only")
      .option(
        "--conversation <name or beginning*>",
        "limit the key to this conversation; may be repeated",
        (name: string, before: readonly string[] = []) => [...before, name],
      ),
  ).action(add);
  addStoreFlags(apiKey.command("list").description("list the keys in the store"))
    .option("--json", JSON_OUTPUT)
    .action(list);
  addStoreFlags(
    apiKey.command("revoke").argument("<name>").description("revoke a key: servers refuse it from then on"),
  ).action(revoke);
  // The form without a verb, which makes an entry of the setting.
  const entry = apiKey.command("entry", { isDefault: true }).argument("<name>");
  addRights(entry)
    .description("make a key that is not in the store, and its entry for API_KEYS")
    .action(printEntry);
  return apiKey.addHelpText("after", NOTE);
}

const JSON_OUTPUT = "print JSON, for scripts";

function addRights(command: Command): Command {
  return command
    .option(
      "--rights <read+write+manage>",
      "what the key allows: one or several of read, write and manage",
      "read+write",
    )
    .option("--json", JSON_OUTPUT);
}

async function add(name: string, flags: GrantFlags): Promise<void> {
  const grants = readGrants(name, flags);
  const settings = loadStoreSettings(flags);
  const key = newApiKey();
  const stored = {
    ...{ name, hash: hashOfApiKey(key), ...grants },
    ...{ createdAt: systemClock().now(), by: undefined },
  };
  const outcome = await withStore(settings, ({ apiKeys }) => apiKeys.add(stored));
  if (outcome === "taken")
    throw new CliError(`There is already a key ${name}; \`parley api-key revoke ${name}\` ends it.`);
  if (outcome === "full")
    throw new CliError(`The store has ${MAX_STORED_API_KEYS} keys already: revoke those that are not used.`);
  if (flags.json) printJson({ ...apiKeyAnswer(stored), key }, 2);
  else print(key);
  printNote("The key is shown only once. Running servers accept it within a second.");
  printStorePath(settings);
}

async function list(flags: { readonly json?: boolean }): Promise<void> {
  const keys = await withStore(loadStoreSettings(flags), ({ apiKeys }) => apiKeys.list());
  if (flags.json) return void printJson(keys.map(apiKeyAnswer), 2);
  if (keys.length === 0)
    return print("There are no keys in the store. Make one with `parley api-key add <name>`.");
  const rows = keys.map(({ name, rights, conversations, createdAt, by }) => [
    name,
    rights.join("+"),
    conversations === undefined ? "all conversations" : escapeControlChars(conversations.join(" ")),
    new Date(createdAt).toISOString(),
    by === undefined ? "–" : `by ${by}`,
  ]);
  print(formatTable(rows));
}

async function revoke(name: string, flags: object): Promise<void> {
  requireKeyName(name);
  const settings = loadStoreSettings(flags);
  if (!(await withStore(settings, ({ apiKeys }) => apiKeys.remove(name))))
    throw new CliError(
      `There is no key ${JSON.stringify(name)} in the store; \`parley api-key list\` lists all. A key of API_KEYS ends when its entry is taken out and the server is restarted.`,
    );
  print(`Revoked ${name}. Running servers refuse it within a second.`);
  printStorePath(settings);
}

function printEntry(name: string, flags: GrantFlags): void {
  readGrants(name, flags);
  const key = newApiKey();
  const entry = `${name}:${hashOfApiKey(key)}:${flags.rights}`;
  if (flags.json) printJson({ key, entry }, 2);
  else print(`key       ${key}\nAPI_KEYS  ${entry}`);
  printNote(
    "The key is shown only once. Give it to the program, add the entry to API_KEYS (separated by commas), and restart the server; or make one without a restart: `parley api-key add`.",
  );
}

function requireKeyName(name: string): void {
  if (!isIdentifier(name))
    throw new UsageError(`${JSON.stringify(name)} is not a valid key name: use ${IDENTIFIER_RULE}.`);
}

/** Throws UsageError where the name or a flag is not valid. */
function readGrants(name: string, { rights, conversation: conversations }: GrantFlags): ApiKeyGrants {
  requireKeyName(name);
  const named = RIGHTS_BY_NAME.get(rights);
  if (named === undefined)
    throw new UsageError(
      `--rights=${JSON.stringify(rights)} must be one of ${[...RIGHTS_BY_NAME.keys()].join(", ")}.`,
    );
  const wrong = conversations?.find((each) => !isConversationPattern(each));
  if (wrong !== undefined)
    throw new UsageError(
      `--conversation=${JSON.stringify(wrong)} is no conversation, nor the beginning of one with \`*\` at its end.`,
    );
  if ((conversations?.length ?? 0) > MAX_GRANTED_CONVERSATIONS)
    throw new UsageError(`A key has at most ${MAX_GRANTED_CONVERSATIONS} conversations.`);
  return { rights: named, ...(conversations !== undefined && { conversations }) };
}
