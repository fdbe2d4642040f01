import type { Command } from "commander";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { type Erasure, reportOf } from "../../core/person/erasure.ts";
import { exportLines } from "../../core/person/export.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import { carryOutErasures, requestErasure } from "../../server/person/erasures.ts";
import { systemClock } from "../../server/process/system-clock.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { addStoreFlags, loadStoreSettings } from "../setting-flags.ts";
import { withPersons } from "../store/open.ts";
import { commandDeps } from "../store/provider.ts";
import { storeProvider } from "../store/providers.ts";
import { confirm } from "../terminal/confirm.ts";
import { print, printEncodedLines, printJson, printNote } from "../terminal/print.ts";

/** How often the command looks how far a server has come with an erasure, in milliseconds. */
const LOOK_INTERVAL_MS = 200;

/** Without progress for so long, an erasure waits for a server that does not run, in milliseconds. */
const STALLED_MS = 30_000;

interface EraseFlags {
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Adds `parley user export` and `parley user erase`: all that the store has about a person, whether it has an account or not. */
export function addPersonCommands(user: Command): void {
  const verb = (usage: string, about: string, task: (command: Command) => Promise<void>) =>
    addStoreFlags(user.command(usage).description(about)).action((...given: unknown[]) =>
      task(given.at(-1) as Command),
    );
  verb("export <user>", "print all that is stored about a user, one JSON object per line", exportPerson);
  verb("erase <user>", "permanently erase a user: account, messages, reactions and all else", erase)
    .option("--yes", "do not ask for confirmation")
    .option("--json", "print the report as JSON, for scripts");
}

async function exportPerson(command: Command): Promise<void> {
  const name = nameOf(command);
  await withPersons(loadStoreSettings(command.opts()), async (persons) => {
    await printEncodedLines(exportLines(persons, name, systemClock().now()));
  });
}

async function erase(command: Command): Promise<void> {
  const name = nameOf(command);
  const flags: EraseFlags = command.opts();
  const settings = loadStoreSettings(command.opts());
  if (!flags.yes)
    await confirm(
      `Permanently erase ${name}: the account, all messages and all else that is stored about this user?`,
      "Nothing was erased.",
    );
  const { clock } = commandDeps();
  const begun = await withPersons(settings, (persons) => requestErasure({ persons, clock }, name));
  if (!(await eraseHere(settings))) await waitForServer(settings, begun);
  const ended = await withPersons(settings, (persons) => persons.find(begun.id));
  if (ended?.step !== "done") throw new CliError("The erasure has not ended. Run the command again.");
  if (flags.json) return void printJson(reportOf(ended), 2);
  print(`Erased ${escapeControlChars(name)}: ${describeCounts(ended)}.`);
}

/** Carries out the erasures where no server does; returns whether it did. */
async function eraseHere(settings: Settings): Promise<boolean> {
  const deps = commandDeps();
  const store = await storeProvider(settings).openWithoutServer(deps);
  if (store === undefined) return false;
  try {
    // No server has sockets or requests of the user.
    await carryOutErasures({ ...store, ...deps, settleMs: 0 });
  } finally {
    await store.close();
  }
  return true;
}

/** Waits for the server that carries out an erasure, and notes each step. */
async function waitForServer(settings: Settings, begun: Erasure): Promise<void> {
  await withPersons(settings, async (persons) => {
    let seen = "";
    let changedAt = performance.now();
    for (let found = begun; found.step !== "done"; found = (await persons.find(begun.id)) ?? found) {
      const state = `${found.step} ${found.after ?? ""}`;
      if (!state.startsWith(seen.split(" ")[0] || "-")) printNote(`${found.step} …`);
      if (state !== seen) changedAt = performance.now();
      seen = state;
      if (performance.now() - changedAt > STALLED_MS)
        throw new CliError(
          `The server has not gone on with the erasure for ${STALLED_MS / 1000} seconds; it goes on when it can. Run the command again.`,
        );
      await Bun.sleep(LOOK_INTERVAL_MS);
    }
  });
}

function describeCounts({ counts }: Erasure): string {
  const parts = Object.entries(counts).map(([kind, count]) => `${count} ${kind.replaceAll("_", " ")}`);
  return parts.length === 0 ? "there was nothing" : parts.join(", ");
}

function nameOf({ args: [name = ""] }: Command): string {
  if (isIdentifier(name)) return name;
  throw new UsageError(`${JSON.stringify(name)} is not a valid user name: use ${IDENTIFIER_RULE}.`);
}
