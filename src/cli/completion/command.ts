import { Argument, Command } from "commander";
import { readSettings } from "../../server/settings/read.ts";
import { SETTINGS } from "../../server/settings/table.ts";
import { readExamples } from "../commands/examples.ts";
import { ERROR_CODES, KNOWN_CLOSE_CODES } from "../error/lookup.ts";
import { print } from "../terminal/print.ts";
import { bashScript } from "./bash.ts";
import { type CommandNode, commandTree, type KnownValues } from "./command-tree.ts";
import { fishScript } from "./fish.ts";
import { zshScript } from "./zsh.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const satisfies Record<
  string,
  (nodes: readonly CommandNode[]) => string
>;

type Shell = keyof typeof SCRIPTS;

const NOTE = `
To load it now, in bash, zsh or fish:

  source <(parley completion bash)
  source <(parley completion zsh)
  parley completion fish | source

To load it in every shell, add that line to ~/.bashrc, ~/.zshrc (after compinit) or ~/.config/fish/config.fish.
It completes the plans that are in PLANS when the script is generated.`;

/** `parley completion <shell>`: prints a script that completes commands, flags and values. */
export function completionCommand(defaultCommand: string): Command {
  return new Command("completion")
    .addArgument(new Argument("<shell>", "the shell").choices(Object.keys(SCRIPTS)))
    .description("print a completion script for a shell")
    .addHelpText("after", NOTE)
    .action((shell: Shell, _flags: object, self: Command) => {
      print(SCRIPTS[shell](commandTree(self.parent!, defaultCommand, knownValues())).trimEnd());
    });
}

function knownValues(): KnownValues {
  return {
    file: "files",
    path: "files",
    context: "contexts",
    folder: "folders",
    plan: plans(),
    rights: ["read", "write", "read,write", "read,write,manage"],
    example: readExamples().map(({ name }) => name),
    code: [...ERROR_CODES, ...KNOWN_CLOSE_CODES.map(String)],
  };
}

/** Returns the plans of this environment, or the default plans if its settings are invalid. */
function plans(): readonly string[] {
  const read = readSettings({ env: { PLANS: process.env.PLANS, DEFAULT_PLAN: process.env.DEFAULT_PLAN } });
  if ("settings" in read) return [...read.settings.plans.plans.keys()];
  const defaultPlans = SETTINGS.PLANS.kind.parse(SETTINGS.PLANS.default);
  return "value" in defaultPlans ? [...defaultPlans.value.keys()] : [];
}
