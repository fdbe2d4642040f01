import { Command } from "commander";
import { addStoreFlags, loadStoreSettings } from "../setting-flags.ts";
import { printStorePath } from "../store/open.ts";
import { storeProvider } from "../store/providers.ts";
import { confirm } from "../terminal/confirm.ts";
import { print } from "../terminal/print.ts";

/** `parley store …`: the store as a whole. */
export function storeCommand(): Command {
  const store = new Command("store").description("the store as a whole: begin a new epoch after a restore");
  addStoreFlags(store.command("new-epoch"))
    .description("run it after an older copy was put back: clients learn that what they saw may be gone")
    .option("--yes", "do not ask")
    .action(newEpoch);
  return store;
}

async function newEpoch(flags: { readonly yes?: boolean }): Promise<void> {
  const settings = loadStoreSettings(flags);
  if (!flags.yes)
    await confirm(
      "Begin a new epoch? All clients forget what they know of their conversations, and begin again.",
      "The epoch is as it was.",
    );
  const epoch = await storeProvider(settings).beginEpoch();
  print(`The epoch is ${epoch}. Clients that come back with another one begin again.`);
  printStorePath(settings);
}
