import { createInterface } from "node:readline";
import type { WriteStream } from "node:tty";
import { type Conversation, connect, type Parley } from "../../client/connect.ts";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import type { Credential } from "../server/sign-in.ts";
import type { Target } from "../server/target.ts";
import { EXIT_SIGINT, exitOnSignal } from "../signals.ts";
import type { ChatEvent } from "./chat-event.ts";
import { completionsOf } from "./complete.ts";
import { positionAfter, waitUntilWelcomed } from "./connect.ts";
import { type ChatOutput, createOutput } from "./output.ts";
import { DEFAULT_HISTORY, parseInput } from "./parse-input.ts";
import { openScreen } from "./screen.ts";
import { type ChatSession, openChatSession } from "./session.ts";

/** A chat as it was asked for. Times are in seconds. */
export interface ChatPlan {
  readonly target: Target;
  readonly credential: Credential;
  readonly conversation: string;
  readonly json: boolean;
  /** What is said, one after the other; without any, what is typed or comes through a pipe. */
  readonly texts: readonly string[];
  /** How long it goes on when everything is said. */
  readonly wait?: number | undefined;
  /** Ends when so many messages of others have come. */
  readonly count?: number | undefined;
  readonly duration?: number | undefined;
  /** Begins with what follows this `seq`. */
  readonly after?: number | undefined;
  /** How many of the last messages come first; usually some for a person, and none for a program. */
  readonly history?: number | undefined;
  /** Whether lines of a pipe that begin with `/` are commands. */
  readonly commands: boolean;
}

/** A chat that goes on. */
interface Chat {
  readonly plan: ChatPlan;
  readonly parley: Parley;
  readonly output: ChatOutput;
  /** The terminal that somebody sits at; undefined where nobody does. */
  readonly terminal: WriteStream | undefined;
  /** Ends it with an exit code; the first one counts. */
  readonly end: (code: number) => void;
  readonly hasEnded: () => boolean;
  /** Is told of the conversation as soon as there is one. */
  readonly onConversation: (conversation: Conversation) => void;
  /** What must be closed at the end. */
  readonly open: Set<() => void>;
}

/** Holds a chat to its end; answers the exit code. Throws a Failure when the conversation cannot be entered. */
export async function runChat(plan: ChatPlan): Promise<number> {
  const { target, credential, json } = plan;
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  // Whoever reads may have seen enough, as `head` has.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => end(error.code === "EPIPE" ? 0 : 1));
  const terminal = terminalOf(plan);
  const output = createOutput({ json, interactive: terminal !== undefined });
  // A program that is told to listen stays; a person who has gone is gone.
  const keepAlive = terminal === undefined;
  const parley = connect({
    url: target.http,
    user: credential.user,
    token: credential.source,
    stay: keepAlive,
  });
  const open = new Set([exitOnSignal(end)]);
  let hasEnded = false;
  let conversation: Conversation | undefined;
  const onConversation = (one: Conversation) => {
    conversation = one;
  };
  try {
    const chat = { plan, parley, output, terminal, end, open, hasEnded: () => hasEnded, onConversation };
    const code = await Promise.race([ended, runSession(chat).then(() => ended)]);
    hasEnded = true;
    const unsent = conversation?.pending.length ?? 0;
    if (unsent > 0) output.note(`Not said: ${unsent} message${unsent === 1 ? "" : "s"} without an answer.`);
    return code === 0 && unsent > 0 ? 1 : code;
  } finally {
    for (const close of open) close();
    await parley.close();
  }
}

/** Where the prompt stands: standard output, or beside a pipe standard error. */
function terminalOf({ texts }: ChatPlan): WriteStream | undefined {
  if (texts.length > 0 || !process.stdin.isTTY) return undefined;
  return [process.stdout, process.stderr].find(({ isTTY }) => isTTY);
}

async function runSession(chat: Chat): Promise<void> {
  const { plan, parley, output: voice, terminal, end, open } = chat;
  const { target, credential, conversation: id, after, duration, texts } = plan;
  const last = plan.history ?? (terminal !== undefined && after === undefined ? DEFAULT_HISTORY : 0);
  const from = after === undefined ? undefined : await positionAfter(parley, target, id, after);
  const tell = createEventHandler(chat);
  const session = openChatSession({
    parley,
    target,
    credential,
    conversation: id,
    from,
    last,
    emit: tell,
    note: voice.note,
  });
  chat.onConversation(session.conversation);
  if (terminal !== undefined) markShownAsRead(session.conversation);
  await waitUntilWelcomed(session.conversation, target);
  if (duration !== undefined) {
    const timer = setTimeout(() => end(plan.count === undefined ? 0 : 1), duration * 1000);
    open.add(() => clearTimeout(timer));
  }
  if (texts.length > 0) return sendAll(chat, session);
  return terminal === undefined ? sendLines(chat, session) : runInteractive(chat, session, terminal);
}

/** Who sits at the terminal has seen what it shows first. */
function markShownAsRead(conversation: Conversation): void {
  conversation.on("history", ({ messages }) => {
    const newest = messages.at(-1);
    if (newest !== undefined) conversation.read(newest.seq);
  });
}

/** Tells everything, and ends the chat when what is told is the end of it. */
function createEventHandler({
  plan,
  output: voice,
  terminal,
  end,
  hasEnded,
}: Chat): (told: ChatEvent) => void {
  let received = 0;
  let isWelcomed = false;
  return (event) => {
    if (event.type === "welcome") isWelcomed = true;
    // What keeps it from coming in ends the command, which then says so; and that it leaves at the end, it knows.
    if (!hasEnded() && (isWelcomed || plan.json)) voice.emit(event);
    if (event.type === "message" && !event.own && ++received === plan.count) end(0);
    if (event.type === "over_quota" && plan.texts.length > 0) end(1);
    if (event.type === "status" && event.state === "closed" && event.code !== 1000 && !terminal && isWelcomed)
      end(1);
  };
}

/** Says what the command line holds. */
async function sendAll(chat: Chat, session: ChatSession): Promise<void> {
  const stored: boolean[] = [];
  for (const text of chat.plan.texts) stored.push(await session.send(text));
  endAfterWait(chat, stored.every(Boolean));
}

/** Says what comes through a pipe, a line a message. */
async function sendLines(chat: Chat, session: ChatSession): Promise<void> {
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  chat.open.add(() => {
    lines.close();
    process.stdin.destroy();
  });
  let allStored = true;
  for await (const line of lines) {
    const input = chat.plan.commands ? parseInput(line) : ({ kind: "say", text: line } as const);
    if (input.kind === "quit") break;
    if (input.kind !== "say") await session.execute(input);
    else if (input.text !== "" && !(await session.send(input.text))) allStored = false;
  }
  // Its input is closed when it ends, too.
  if (!chat.hasEnded()) endAfterWait(chat, allStored);
}

/** Everything is said: ends after the wait that was asked for, or when what is waited for has come. */
function endAfterWait({ plan: { wait, count, duration }, end, open }: Chat, allStored: boolean): void {
  const isWaitedFor = wait === undefined && (count !== undefined || duration !== undefined);
  if (!allStored) end(1);
  else if (!isWaitedFor) {
    const timer = setTimeout(() => end(count === undefined ? 0 : 1), (wait ?? 0) * 1000);
    open.add(() => clearTimeout(timer));
  }
}

/** Somebody sits at the terminal. */
function runInteractive(
  { plan, output: voice, end, open }: Chat,
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
    complete: (text) => completionsOf(text, namesOf(conversation)),
    interrupted: () => end(EXIT_SIGINT),
    ended: () => end(0),
  });
  open.add(() => screen.close());
  voice.useScreen(screen);
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
  conversation.on("status", () => {
    typing.clear();
    show();
  });
}

function namesOf({ present, user }: Conversation): readonly string[] {
  // What the Tab key offers is written as it is.
  return present.map((one) => one.user).filter((name) => name !== user && escapeControlChars(name) === name);
}

/** `lobby> `, or while others type `lobby (ann types)> `. */
function promptOf(conversation: string, typing: readonly string[]): string {
  const typists =
    typing.length > 1 ? `${typing.length} type` : `${escapeControlChars(typing[0] ?? "")} types`;
  const name = escapeControlChars(conversation);
  return typing.length === 0 ? `${name}> ` : `${name} (${typists})> `;
}
