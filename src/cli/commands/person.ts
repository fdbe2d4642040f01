import { once } from "node:events";
import type { Command } from "commander";
import { exportLines } from "../../core/person/export.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import { systemClock } from "../../server/process/system-clock.ts";
import { CliError } from "../cli-error.ts";
import { addStoreFlags, loadStoreSettings } from "../setting-flags.ts";
import { withPersons } from "../store/open.ts";
import { printEncodedJson } from "../terminal/print.ts";

/** Adds `parley user export` and `parley user erase`: all that the store has about a person, whether it has an account or not. */
export function addPersonCommands(user: Command): void {
  addStoreFlags(
    user
      .command("export <user>")
      .description("print all that is stored about a user, one JSON object per line"),
  ).action(async (...given: unknown[]) => {
    const command = given.at(-1) as Command;
    const name = nameOf(command);
    await withPersons(loadStoreSettings(command.opts()), async (persons) => {
      for await (const line of exportLines(persons, name, systemClock().now()))
        if (!printEncodedJson(line)) await once(process.stdout, "drain");
    });
  });
}

function nameOf({ args: [name = ""] }: Command): string {
  if (isIdentifier(name)) return name;
  throw new CliError(`${JSON.stringify(name)} is not a valid user name: use ${IDENTIFIER_RULE}.`);
}
