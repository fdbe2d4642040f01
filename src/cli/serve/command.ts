import { Command } from "commander";
import { addSettingFlags, type Flags, loadSettings, SETTINGS_NOTE } from "../setting-flags.ts";
import { storeProvider } from "../store/providers.ts";
import { enterPackageDirectory } from "../working-directory.ts";

/** `parley serve`: runs the server until it is stopped. Flags without a command are those of `serve`. */
export function serveCommand(): Command {
  const command = new Command("serve").description("run the server").allowExcessArguments();
  return addSettingFlags(command)
    .addHelpText("after", SETTINGS_NOTE)
    .action(async (flags: Flags, self: Command) => {
      // The default command also receives all words that are not commands.
      const [word] = self.args;
      if (word !== undefined) self.error(`error: unknown command '${word}'`);
      const settings = loadSettings(flags);
      // Before the working directory changes, so that messages show the path as the caller wrote it.
      storeProvider(settings).prepare();
      // Loaded here, because all other commands start in half the time without the server.
      const { serve } = await import("./serve.ts");
      await serve(enterPackageDirectory(settings));
    });
}
