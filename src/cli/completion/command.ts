import { Argument, Command } from "commander";
import { readSettings } from "../../server/settings/read.ts";
import { SETTINGS } from "../../server/settings/table.ts";
import { CLOSES, ERROR_CODES } from "../catalogue.ts";
import { readExamples } from "../examples.ts";
import { print } from "../print.ts";
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import { type KnownValues, type Place, placesOf } from "./places.ts";
import { zshScript } from "./zsh.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const satisfies Record<
  string,
  (places: readonly Place[]) => string
>;

type Shell = keyof typeof SCRIPTS;

const NOTE = `
To load it now, in bash, in zsh and in fish:

  source <(parley completion bash)
  source <(parley completion zsh)
  parley completion fish | source

To have it in every shell, put that line into ~/.bashrc, ~/.zshrc (after compinit) or ~/.config/fish/config.fish.
The plans it offers are those of PLANS when it is made.`;

/** `parley completion <shell>`: prints what makes a shell complete parley's commands, flags and values. */
export function completionCommand(usual: string): Command {
  return new Command("completion")
    .addArgument(new Argument("<shell>", "the shell").choices(Object.keys(SCRIPTS)))
    .description("print a script by which a shell completes parley's words")
    .addHelpText("after", NOTE)
    .action((shell: Shell, _flags: object, self: Command) => {
      print(SCRIPTS[shell](placesOf(self.parent!, usual, knownValues())).trimEnd());
    });
}

function knownValues(): KnownValues {
  return {
    file: "files",
    path: "files",
    context: "contexts",
    folder: "folders",
    plan: plans(),
    example: readExamples().map(({ name }) => name),
    code: [...ERROR_CODES, ...CLOSES.map(String)],
  };
}

/** The plans of this environment, or where its settings are wrong, the usual ones. */
function plans(): readonly string[] {
  const read = readSettings({ env: { PLANS: process.env.PLANS, DEFAULT_PLAN: process.env.DEFAULT_PLAN } });
  if ("settings" in read) return [...read.settings.plans.plans.keys()];
  const usual = SETTINGS.PLANS.kind.parse(SETTINGS.PLANS.default);
  return "value" in usual ? [...usual.value.keys()] : [];
}
