import { Command } from "commander";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import { MAX_LAST } from "../../protocol/limits.ts";
import { UsageError } from "../cli-error.ts";
import { collectOption, integerOption, secondsOption } from "../flag-values.ts";
import { signIn } from "../server/sign-in.ts";
import { addTargetFlags, loadTarget, type TargetFlags } from "../server/target.ts";
import { COMMAND_HELP, DEFAULT_HISTORY } from "./parse-input.ts";
import { runChat } from "./run.ts";

interface ChatFlags extends TargetFlags {
  readonly execute?: readonly string[];
  readonly wait?: number;
  readonly json?: boolean;
  readonly count?: number;
  readonly duration?: number;
  readonly after?: number;
  readonly history?: number;
  readonly commands?: boolean;
}

/** The conversation of the first examples, where none is named. */
const DEFAULT_CONVERSATION = "lobby";

/** Longest wait, in seconds: a week. */
const MAX_WAIT_S = 604_800;

const NOTE = `
On a terminal you type, and what comes does not disturb a half-typed line. These are commands:

${COMMAND_HELP}

From a pipe each line is a message, sent when the one before it is stored; at the end of the input it ends, unless
--count or --duration says how long to listen. Data goes to standard output, talk to standard error:

  parley chat lobby --json | jq -r 'select(.type == "message") | .text'
  parley chat lobby -x "hello" -w 2
  parley chat lobby --after 0 --count 10 --duration 5

Exit code 1: it could not enter, something was not stored, the server closed for good, or fewer messages than --count
came; 130 and 143: ended by SIGINT (Ctrl+C) or SIGTERM.`;

/** `parley chat`: a conversation on a terminal, or in a pipe. */
export function chatCommand(): Command {
  const command = new Command("chat")
    .argument("[conversation]", `the conversation (default: that of the context, or ${DEFAULT_CONVERSATION})`)
    .description("talk in a conversation, on the terminal or in a pipe")
    .option("--json", "write everything that happens as JSON, an object a line")
    .option("-x, --execute <text>", "say this and end; may be given several times", collectOption)
    .option("--commands", "obey /commands in a pipe too");
  command
    .addOption(
      secondsOption(
        command,
        "-w, --wait <seconds>",
        "go on so long when all is said (default: 0)",
        0,
        MAX_WAIT_S,
      ),
    )
    .addOption(
      integerOption(command, "--count <count>", "end when so many messages of others have come", 1, 1e9),
    )
    .addOption(secondsOption(command, "--duration <seconds>", "end after so long", 0, MAX_WAIT_S))
    .addOption(
      integerOption(command, "--after <seq>", "begin with what was said after this number", 0, 2 ** 53 - 1),
    )
    .addOption(
      integerOption(
        command,
        "--history <count>",
        `show so many of the last messages first, free of charge (default: ${DEFAULT_HISTORY} on a terminal, otherwise 0)`,
        0,
        MAX_LAST,
      ),
    );
  return addTargetFlags(command).addHelpText("after", NOTE).action(chat);
}

async function chat(
  word: string | undefined,
  { execute = [], json, commands, ...flags }: ChatFlags,
): Promise<void> {
  if (word !== undefined && flags.conversation !== undefined && word !== flags.conversation)
    throw new UsageError(`Two conversations are named: ${JSON.stringify(word)} and --conversation.`);
  if (word !== undefined && !isIdentifier(word))
    throw new UsageError(`${JSON.stringify(word)} cannot be a conversation: use ${IDENTIFIER_RULE}.`);
  if (execute.includes("")) throw new UsageError("There is nothing to say: the text of -x is empty.");
  if (flags.after !== undefined && flags.history !== undefined)
    throw new UsageError("--after and --history both say where to begin: give one of them.");
  const target = loadTarget(flags);
  const credential = await signIn(target);
  const { wait, count, duration, after, history } = flags;
  process.exitCode = await runChat({
    target,
    credential,
    conversation: word ?? target.conversation?.value ?? DEFAULT_CONVERSATION,
    json: json === true,
    texts: execute,
    wait,
    count,
    duration,
    after,
    history,
    commands: commands === true,
  });
  exitAfterClose();
}

/** How long what is still open may keep the process, in milliseconds: a close handshake with a server that is slow. */
const CLOSE_TIMEOUT_MS = 1_000;

function exitAfterClose(): void {
  setTimeout(() => process.exit(), CLOSE_TIMEOUT_MS).unref();
}
