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

/** `parley api-key <name>`: creates a key for a program and shows it once; the server only stores its hash. */
export function apiKeyCommand(): Command {
  return new Command("api-key")
    .argument("<name>")
    .description("create a key for a program, and its entry for API_KEYS")
    .option(
      "--rights <read+write+manage>",
      "what the key allows: one or several of read, write and manage",
      "read+write",
    )
    .option("--json", "print JSON, for scripts")
    .action(apiKey);
}

function apiKey(name: string, { rights, json = false }: ApiKeyFlags): void {
  if (!isIdentifier(name))
    throw new CliError(`${JSON.stringify(name)} is not a valid key name: use ${IDENTIFIER_RULE}.`);
  if (!RIGHTS_BY_NAME.has(rights))
    throw new CliError(
      `--rights=${JSON.stringify(rights)} must be one of ${[...RIGHTS_BY_NAME.keys()].join(", ")}.`,
    );
  const key = newApiKey();
  const entry = `${name}:${hashOfApiKey(key)}:${rights}`;
  if (json) printJson({ key, entry }, 2);
  else print(`key       ${key}\nAPI_KEYS  ${entry}`);
  printNote(
    "The key is shown only once. Give it to the program, add the entry to API_KEYS (separated by commas), and restart the server.",
  );
}
