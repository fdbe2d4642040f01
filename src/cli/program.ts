import { Command } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { escapedLines } from "../core/escape-control-chars.ts";
import { backupCommand, restoreCommand } from "./backup/command.ts";
import { benchCommand } from "./bench/command.ts";
import { chatCommand } from "./chat/command.ts";
import { apiKeyCommand } from "./commands/api-key.ts";
import { conformanceCommand } from "./commands/conformance.ts";
import { conversationCommand } from "./commands/conversation.ts";
import { examplesCommand } from "./commands/examples.ts";
import { inboxCommand } from "./commands/inbox.ts";
import { messageCommand } from "./commands/message.ts";
import { nodesCommand } from "./commands/nodes.ts";
import { revokeCommand } from "./commands/revoke.ts";
import { storeCommand } from "./commands/store.ts";
import { tokenCommand } from "./commands/token.ts";
import { userCommand } from "./commands/user.ts";
import { webhookCommand } from "./commands/webhook.ts";
import { completionCommand } from "./completion/command.ts";
import { contextCommand } from "./context/command.ts";
import { doctorCommand } from "./doctor/command.ts";
import { errorCommand } from "./error/command.ts";
import { eventsCommand } from "./events/command.ts";
import { latencyCommand } from "./latency/command.ts";
import { migrateCommand } from "./migrate/command.ts";
import { runCommand } from "./run/command.ts";
import { serveCommand } from "./serve/command.ts";
import { write } from "./terminal/print.ts";
import { topCommand } from "./top/command.ts";

const NOTE = `
Run \`parley <command> --help\` for the options of a command.

  parley
  parley chat lobby --user user2
  parley token alice --plan basic`;

/** All commands of the command line; what runs and prints them is main.ts. */
export function program(): Command {
  const parley = new Command("parley")
    .description("A self-hosted conversation server over WebSocket.")
    .version(manifest.version)
    .configureHelp({ showGlobalOptions: false })
    .showHelpAfterError("(use --help for usage)")
    .addHelpText("after", NOTE);
  // Flags without a command are those of `serve`: `parley --port 9000` runs a server.
  parley.commandsGroup("The server:");
  parley.addCommand(serveCommand(), { isDefault: true });
  parley.addCommand(doctorCommand());
  parley.addCommand(nodesCommand());
  parley.addCommand(topCommand());
  parley.addCommand(storeCommand());
  parley.addCommand(backupCommand());
  parley.addCommand(restoreCommand());
  parley.addCommand(migrateCommand());
  parley.commandsGroup("Users and conversations:");
  parley.addCommand(userCommand());
  parley.addCommand(tokenCommand());
  parley.addCommand(revokeCommand());
  parley.addCommand(apiKeyCommand());
  parley.addCommand(conversationCommand());
  parley.addCommand(webhookCommand());
  parley.commandsGroup("Chat and test:");
  parley.addCommand(chatCommand());
  parley.addCommand(inboxCommand());
  parley.addCommand(eventsCommand());
  parley.addCommand(messageCommand());
  parley.addCommand(runCommand());
  parley.addCommand(benchCommand());
  parley.addCommand(latencyCommand());
  parley.addCommand(conformanceCommand());
  parley.commandsGroup("Utilities:");
  parley.addCommand(errorCommand());
  parley.addCommand(examplesCommand());
  parley.addCommand(contextCommand());
  parley.addCommand(completionCommand("serve"));
  parley.helpCommand("help [command]", "display help for command");
  for (const command of everyCommand(parley))
    command
      .exitOverride()
      .showHelpAfterError("(use --help for usage)")
      .configureOutput({
        writeOut: (text) => write(process.stdout, plain(text)),
        writeErr: (text) => write(process.stderr, plain(text)),
      });
  return parley;
}

/** Escapes control characters: commander's output repeats arguments, and has no colours. */
function plain(text: string): string {
  return escapedLines(text).join("\n");
}

/** A command, and all below it. */
export function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}
