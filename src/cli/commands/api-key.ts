import { Command } from "commander";
import { RIGHTS_BY_NAME } from "../../core/access/api-keys.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import { hashOfApiKey, newApiKey } from "../../server/authentication/api-keys.ts";
import { CliError } from "../cli-error.ts";
import { print, printJson, printNote } from "../terminal/print.ts";

interface ApiKeyFlags {
  readonly rights: string;
  readonly json?: boolean;
}

/** `parley api-key <name>`: makes a key for a program and shows it once; the server keeps its hash only. */
export function apiKeyCommand(): Command {
  return new Command("api-key")
    .argument("<name>")
    .description("make a key for a program, and its entry for API_KEYS")
    .option("--rights <read|write|read+write>", "what it allows", "read+write")
    .option("--json", "answer as JSON, for scripts")
    .action(apiKey);
}

function apiKey(name: string, { rights, json = false }: ApiKeyFlags): void {
  if (!isIdentifier(name))
    throw new CliError(`${JSON.stringify(name)} cannot be a key's name: use ${IDENTIFIER_RULE}.`);
  if (!RIGHTS_BY_NAME.has(rights))
    throw new CliError(
      `--rights=${JSON.stringify(rights)} must be one of ${[...RIGHTS_BY_NAME.keys()].join(", ")}.`,
    );
  const key = newApiKey();
  const entry = `${name}:${hashOfApiKey(key)}:${rights}`;
  if (json) printJson({ key, entry }, 2);
  else print(`key       ${key}\nAPI_KEYS  ${entry}`);
  printNote(
    "The key is shown this once. Give it to the program, add the entry to API_KEYS (commas between entries) and restart the server.",
  );
}
