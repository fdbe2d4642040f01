import { Command } from "commander";
import { MAX_LAST } from "../../protocol/limits.ts";
import { UsageError } from "../cli-error.ts";
import { collectOption, integerOption, secondsOption } from "../flag-values.ts";
import { signIn } from "../server/sign-in.ts";
import { addTargetFlags, checkConversation, loadTarget, type TargetFlags } from "../server/target.ts";
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
  readonly stream?: boolean;
}

/** The conversation if none is named. */
const DEFAULT_CONVERSATION = "lobby";

/** Longest wait, in seconds: a week. */
const MAX_WAIT_S = 604_800;

const NOTE = `
On a terminal, type a message and press Enter. Lines that begin with / are commands:

${COMMAND_HELP}

With piped input, each line is sent as a message once the one before is stored. The chat ends with the input, unless
--count or --duration is given. With --stream all of the input is one message, which others read while it grows: it ends
as done with its input, and as failed after Ctrl+C or an input that cannot be read. Messages go to standard output,
status to standard error:

  parley chat lobby --json | jq -r 'select(.type == "message") | .text'
  parley chat lobby -x "hello" -w 2
  parley chat lobby --after 0 --count 10 --duration 5
  my-model "why is the sky blue?" | parley chat lobby --stream

Exit code 1: the connection failed, a message was not stored, a command was refused or not understood, a stream was
stopped or did not end as done, the server closed for good, or fewer messages than --count arrived;
2: the command line was wrong; 130 and 143: ended by SIGINT (Ctrl+C) or SIGTERM.`;

/** `parley chat`: sends and receives messages, on a terminal or in a pipe. */
export function chatCommand(): Command {
  const command = new Command("chat")
    .argument("[conversation]", `the conversation (default: the context's, or ${DEFAULT_CONVERSATION})`)
    .description("chat in a conversation, on the terminal or in a pipe")
    .option("--json", "write all events as JSON, one object per line")
    .option("-x, --execute <text>", "send this message and exit; may be given several times", collectOption)
    .option("--stream", "send all of the piped input as one message, which grows")
    .option("--commands", "run /commands from a pipe, too");
  command
    .addOption(
      secondsOption(
        command,
        "-w, --wait <seconds>",
        "keep receiving for so long after the last message is sent (default: 0)",
        0,
        MAX_WAIT_S,
      ),
    )
    .addOption(integerOption(command, "--count <count>", "exit after so many messages of others", 1, 1e9))
    .addOption(secondsOption(command, "--duration <seconds>", "exit after so long", 0, MAX_WAIT_S))
    .addOption(
      integerOption(command, "--after <seq>", "start with the messages after this seq", 0, 2 ** 53 - 1),
    )
    .addOption(
      integerOption(
        command,
        "--history <count>",
        `show so many of the newest messages first, without charge (default: ${DEFAULT_HISTORY} on a terminal, otherwise 0)`,
        0,
        MAX_LAST,
      ),
    );
  return addTargetFlags(command).addHelpText("after", NOTE).action(chat);
}

async function chat(
  word: string | undefined,
  { execute = [], json, commands, stream, ...flags }: ChatFlags,
): Promise<void> {
  if (word !== undefined) checkConversation(word, flags);
  if (execute.includes("")) throw new UsageError("The text of -x is empty.");
  if (flags.after !== undefined && flags.history !== undefined)
    throw new UsageError("--after and --history exclude each other: give one of them.");
  if (stream && (execute.length > 0 || commands))
    throw new UsageError("--stream takes all of its input as text: give it without -x and --commands.");
  if (stream && process.stdin.isTTY)
    throw new UsageError("--stream sends what comes in a pipe, and standard input is a terminal.");
  const target = loadTarget(flags);
  const credential = await signIn(target);
  const { wait, count, duration, after, history } = flags;
  process.exitCode = await runChat({
    target,
    credential,
    conversation: word ?? target.conversation?.value ?? DEFAULT_CONVERSATION,
    json: json === true,
    texts: execute,
    stream: stream === true,
    wait,
    count,
    duration,
    after,
    history,
    commands: commands === true,
  });
  exitAfterClose();
}

/** How long open handles may keep the process alive, in milliseconds: a close handshake with a slow server. */
const CLOSE_TIMEOUT_MS = 1_000;

function exitAfterClose(): void {
  setTimeout(() => process.exit(), CLOSE_TIMEOUT_MS).unref();
}
