import { Command } from "commander";
import { addStoreFlags, loadStoreSettings } from "../setting-flags.ts";
import { printStorePath } from "../store/open.ts";
import { storeProvider } from "../store/providers.ts";
import { confirm } from "../terminal/confirm.ts";
import { print } from "../terminal/print.ts";

/** `parley store …`: commands for the whole store. */
export function storeCommand(): Command {
  const store = new Command("store").description("begin a new epoch after a backup was restored");
  addStoreFlags(store.command("new-epoch"))
    .description(
      "begin a new epoch: run this after a backup was restored, so that clients notice lost messages",
    )
    .option("--yes", "do not ask for confirmation")
    .action(newEpoch);
  return store;
}

async function newEpoch(flags: { readonly yes?: boolean }): Promise<void> {
  const settings = loadStoreSettings(flags);
  if (!flags.yes)
    await confirm(
      "Begin a new epoch? All clients drop their positions and load their conversations again.",
      "The epoch was not changed.",
    );
  const epoch = await storeProvider(settings).beginEpoch();
  print(`The new epoch is ${epoch}. Clients that reconnect load their conversations again.`);
  printStorePath(settings);
}
