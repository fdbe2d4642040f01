import { createInterface } from "node:readline";
import type { WriteStream } from "node:tty";
import { connect, type Options, type Parley } from "../../client/index.ts";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import type { Credential } from "../server/sign-in.ts";
import type { Target } from "../server/target.ts";
import { EXIT_SIGINT, exitOnSignal } from "../signals.ts";
import type { ChatEvent } from "./chat-event.ts";
import { completionsOf } from "./complete.ts";
import { placeAfter, waitUntilOpen } from "./connect.ts";
import { growingLines } from "./growing.ts";
import { type ChatOutput, createOutput } from "./output.ts";
import { DEFAULT_HISTORY, parseInput } from "./parse-input.ts";
import { openScreen, type Screen } from "./screen.ts";
import { type ChatSession, openChatSession } from "./session.ts";

/** The options of a chat. Times are in seconds. */
export interface ChatPlan {
  readonly target: Target;
  readonly credential: Credential;
  readonly conversation: string;
  readonly json: boolean;
  /** Texts to send, one after the other; if empty, typed or piped lines are sent. */
  readonly texts: readonly string[];
  /** Whether all of the pipe is one message, which grows. */
  readonly stream: boolean;
  /** How long the chat continues after the last text was sent. */
  readonly wait?: number | undefined;
  /** Ends the chat after so many messages of others. */
  readonly count?: number | undefined;
  readonly duration?: number | undefined;
  /** Starts with the messages after this `seq`. */
  readonly after?: number | undefined;
  /** How many of the newest messages are shown first; default: some on a terminal, none in a pipe. */
  readonly history?: number | undefined;
  /** Whether lines of a pipe that begin with `/` are commands. */
  readonly commands: boolean;
}

/** A running chat. */
interface Chat {
  readonly plan: ChatPlan;
  readonly options: Options;
  readonly parley: Parley;
  readonly output: ChatOutput;
  /** The terminal of an interactive chat; undefined otherwise. */
  readonly terminal: WriteStream | undefined;
  /** Ends the chat with an exit code; the first one counts. */
  readonly end: (code: number) => void;
  readonly hasEnded: () => boolean;
  /** Called with the session as soon as it begins. */
  readonly onSession: (session: ChatSession) => void;
  /** Functions to call at the end, before the connection is closed. */
  readonly open: Set<() => void | Promise<void>>;
}

/** Runs a chat to its end; resolves with the exit code. Throws a `CliError` if the conversation cannot be joined. */
export async function runChat(plan: ChatPlan): Promise<number> {
  const { target, credential, json } = plan;
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  // The reader of a pipe may stop reading, as `head` does.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => end(error.code === "EPIPE" ? 0 : 1));
  const terminal = terminalOf(plan);
  const output = createOutput({ json, interactive: terminal !== undefined });
  const options: Options = {
    url: target.http,
    user: credential.user,
    token: credential.source,
    // A program that listens stays connected; a person who is away is disconnected after the inactivity time-out.
    stayActive: terminal === undefined,
  };
  const parley = connect(options);
  const open: Chat["open"] = new Set([exitOnSignal(end)]);
  const closeAll = async () => {
    // The signal's handler, which is the first, is the last that ends.
    const all = [...open].reverse();
    open.clear();
    for (const close of all) await close();
  };
  let hasEnded = false;
  let session: ChatSession | undefined;
  const onSession = (one: ChatSession) => {
    session = one;
  };
  try {
    const chat = { plan, options, parley, output, terminal, end, open, hasEnded: () => hasEnded, onSession };
    const code = await Promise.race([ended, runSession(chat).then(() => ended)]);
    hasEnded = true;
    await closeAll();
    const unsent = Object.entries(session?.unacked() ?? {}).filter(([, count]) => count > 0);
    for (const [what, count] of unsent)
      output.note(`Not sent: ${count} ${what}${count === 1 ? "" : "s"} without an ack.`);
    return code === 0 && unsent.length > 0 ? 1 : code;
  } finally {
    await closeAll();
    await parley.close();
  }
}

/** Returns the terminal for the prompt: standard output, or standard error if output is piped. */
function terminalOf({ texts, stream }: ChatPlan): WriteStream | undefined {
  if (texts.length > 0 || stream || !process.stdin.isTTY) return undefined;
  return [process.stdout, process.stderr].find(({ isTTY }) => isTTY);
}

async function runSession(chat: Chat): Promise<void> {
  const { plan, parley, output, terminal, end, open } = chat;
  const { target, credential, conversation: id, after, duration, texts } = plan;
  const last = plan.history ?? (terminal !== undefined && after === undefined ? DEFAULT_HISTORY : 0);
  const from = after === undefined ? undefined : await placeAfter(chat.options, target, id, after);
  const session = openChatSession({
    parley,
    target,
    credential,
    conversation: id,
    from,
    last,
    watch: terminal !== undefined || plan.commands,
    emit: createEventHandler(chat),
    // A terminal has shown it.
    onShown(seq) {
      if (terminal !== undefined) parley.conversation(id).read(seq);
    },
    note: output.note,
  });
  chat.onSession(session);
  await waitUntilOpen(parley, session.conversation, target);
  if (duration !== undefined) {
    const timer = setTimeout(() => end(plan.count === undefined ? 0 : 1), duration * 1000);
    open.add(() => clearTimeout(timer));
  }
  if (texts.length > 0) return sendAll(chat, session);
  if (plan.stream) return sendStream(chat, session);
  return terminal === undefined ? sendLines(chat, session) : runInteractive(chat, session, terminal);
}

/** Prints all events, and ends the chat after its last one. */
function createEventHandler({ plan, output, terminal, end, hasEnded }: Chat): (event: ChatEvent) => void {
  let received = 0;
  let isWelcomed = false;
  return (event) => {
    if (event.type === "welcome") isWelcomed = true;
    // Failures before `welcome` end the command, which reports them; the close at the end is not worth a line.
    if (!hasEnded() && (isWelcomed || plan.json)) output.emit(event);
    if (event.type === "message" && !event.own && ++received === plan.count) end(0);
    if (event.type === "over_quota" && (plan.texts.length > 0 || plan.stream)) end(1);
    if (event.type === "status" && event.state === "closed" && event.code !== 1000 && !terminal && isWelcomed)
      end(1);
  };
}

/** Sends the texts of the command line. */
async function sendAll(chat: Chat, session: ChatSession): Promise<void> {
  const stored: boolean[] = [];
  for (const text of chat.plan.texts) stored.push(await session.send(text));
  endAfterWait(chat, stored.every(Boolean));
}

/** Sends piped lines, one message per line. */
async function sendLines(chat: Chat, session: ChatSession): Promise<void> {
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  chat.open.add(() => {
    lines.close();
    process.stdin.destroy();
  });
  let allDone = true;
  for await (const line of lines) {
    const input = chat.plan.commands ? parseInput(line) : ({ kind: "send", text: line } as const);
    if (input.kind === "quit") break;
    if (input.kind === "send" && input.text === "") continue;
    if (!(await session.execute(input))) allDone = false;
  }
  // The end of the chat also closes its input.
  if (!chat.hasEnded()) endAfterWait(chat, allDone);
}

/** Sends the pipe as one message. */
async function sendStream(chat: Chat, session: ChatSession): Promise<void> {
  const pipe = session.pipe(process.stdin);
  chat.open.add(async () => {
    await pipe.interrupt();
    process.stdin.destroy();
  });
  const isStored = await pipe.ended;
  if (!chat.hasEnded()) endAfterWait(chat, isStored);
}

/** All of the input is done: ends the chat after `wait`, or leaves that to --count or --duration. */
function endAfterWait({ plan: { wait, count, duration }, end, open }: Chat, isDone: boolean): void {
  const isWaitedFor = wait === undefined && (count !== undefined || duration !== undefined);
  if (!isDone) end(1);
  else if (!isWaitedFor) {
    const timer = setTimeout(() => end(count === undefined ? 0 : 1), (wait ?? 0) * 1000);
    open.add(() => clearTimeout(timer));
  }
}

/** Runs a chat on a terminal. */
function runInteractive(
  { plan, parley, output, end, open }: Chat,
  session: ChatSession,
  terminal: WriteStream,
): void {
  const { conversation } = session;
  const screen = openScreen(terminal, promptOf(plan.conversation, []), {
    line(text) {
      const input = parseInput(text);
      if (input.kind === "quit") end(0);
      else void session.execute(input);
    },
    typed: (text) => conversation.typing(text !== "" && !text.startsWith("/")),
    complete: (text) =>
      completionsOf(text, {
        present: namesOf(session, parley),
        messages: session.messages?.getSnapshot().entries ?? [],
      }),
    interrupted: () => end(EXIT_SIGINT),
    ended: () => end(0),
  });
  open.add(() => screen.close());
  output.useScreen(screen);
  open.add(showGrowing(session, screen, terminal));
  const typing = new Set<string>();
  const show = () => screen.setPrompt(promptOf(plan.conversation, [...typing]));
  conversation.on("typing", ({ user, active }) => {
    typing[active ? "add" : "delete"](user);
    show();
  });
  conversation.on("message", ({ from, seq }) => {
    conversation.read(seq);
    if (typing.delete(from)) show();
  });
  parley.status.subscribe(() => {
    typing.clear();
    show();
  });
}

/** How often a growing message is drawn again, in milliseconds. */
const DRAW_INTERVAL_MS = 100;

/** Shows messages of others while they are written. Returns a function that ends that. */
function showGrowing({ messages }: ChatSession, screen: Screen, terminal: WriteStream): () => void {
  let drawTimer: ReturnType<typeof setTimeout> | undefined;
  let count = 0;
  const draw = () => {
    clearTimeout(drawTimer);
    drawTimer = undefined;
    const lines = growingLines(messages!.getSnapshot().entries, terminal.columns);
    count = lines.length;
    screen.setGrowing(lines);
  };
  const unsubscribe = messages!.subscribe(({ entries }) => {
    const growing = entries.filter(({ state }) => state === "streaming").length;
    // A message that has ended is printed at once: it must not be on the screen twice.
    if (growing < count) draw();
    else if (growing > 0) drawTimer ??= setTimeout(draw, DRAW_INTERVAL_MS);
  });
  return () => {
    clearTimeout(drawTimer);
    unsubscribe();
  };
}

function namesOf({ present }: ChatSession, { user }: Parley): readonly string[] {
  // Completions are written unescaped, so names with control characters are left out.
  return present()
    .map((one) => one.user)
    .filter((name) => name !== user && escapeControlChars(name) === name);
}

/** Returns `lobby> `, or while others type `lobby (ann is typing)> `. */
function promptOf(conversation: string, typing: readonly string[]): string {
  const typists =
    typing.length > 1 ? `${typing.length} are typing` : `${escapeControlChars(typing[0] ?? "")} is typing`;
  const name = escapeControlChars(conversation);
  return typing.length === 0 ? `${name}> ` : `${name} (${typists})> `;
}
