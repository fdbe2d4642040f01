import type { z } from "zod";
import { type Fault, readFaultRequest } from "../../core/faults.ts";
import { EraseRequest, Reaction } from "../../protocol/frames/change-frames.ts";
import { MAX_HISTORY_LIMIT } from "../../protocol/limits.ts";

/** A typed line: a message or a command. */
export type Input =
  | { readonly kind: "nothing" | "who" | "quota" | "ping" | "stop" | "close" | "reconnect" | "help" | "quit" }
  /** `replyTo`: the `seq` of the message that it answers. */
  | { readonly kind: "send"; readonly text: string; readonly replyTo?: number }
  | { readonly kind: "edit"; readonly seq: number; readonly text: string }
  | { readonly kind: "erase"; readonly seq: number; readonly reason?: string }
  /** `on`: add the reaction, or take it back. */
  | { readonly kind: "react"; readonly seq: number; readonly reaction: string; readonly on: boolean }
  | { readonly kind: "history"; readonly limit: number }
  | { readonly kind: "typing"; readonly active: boolean }
  | { readonly kind: "fault"; readonly fault: Fault }
  /** Not a valid command; `why` is a sentence. */
  | { readonly kind: "invalid"; readonly why: string };

/** How many messages `/history` shows by default. */
export const DEFAULT_HISTORY = 20;

/** The names of the commands, without the `/`. */
export const COMMAND_NAMES = [
  "who",
  "quota",
  "history",
  "reply",
  "edit",
  "erase",
  "react",
  "stop",
  "typing",
  "ping",
  "close",
  "fault",
  "reconnect",
  "quit",
  "help",
];

/** The names of the faults of `/fault`. */
export const FAULT_NAMES = [
  "cut",
  "freeze",
  "thaw",
  "delay",
  "lose",
  "fill_quota",
  "jump",
  "close",
  "freeze_writer",
  "kill_writer",
  "fence_writer",
];

/** The help of the commands, one per line. */
export const COMMAND_HELP = `/who                      list the present users and what they have read
/quota                    show the remaining quota
/history [count]          show the newest messages (default: ${DEFAULT_HISTORY}); costs a request
/reply <number> <text>    answer the message with this number
/edit <number> <text>     give a message of yours another text
/erase <number> [reason]  erase a message of yours; as a moderator any
/react <number> 👍 [off]  react to a message, or take that back
/stop                     ask the writer of a growing message to stop: of the newest that answers you, else of the newest
/typing [off]             show the others that you type, or stopped; sent automatically while you type
/ping                     measure the round trip to the server
/close                    close the connection; your next message, or /reconnect, opens it again
/close 4408 [reason]      make the server close the connection with this code
/fault cut                make the server cut the connection; also: freeze <seconds>, thaw, delay <milliseconds>,
                          lose <frame> [count], fill_quota, jump <seconds>, jump inactivity_warning,
                          jump inactivity, jump token_expiring, jump token_expiry; of the streams that it
                          writes: freeze_writer <seconds>, kill_writer, fence_writer
/reconnect                connect at once instead of waiting
/quit                     exit; Ctrl+D does the same
//text                    send a text that begins with /
/help                     show this help

Faults, and /close with a code, need a server with TEST_FAULTS=true; they affect this connection only. The Tab key
completes commands and names; the arrow keys recall earlier lines.`;

/** Parses a typed line. `/` begins a command, `//` a message that begins with `/`. */
export function parseInput(line: string): Input {
  if (line.startsWith("//")) return { kind: "send", text: line.slice(1) };
  if (!line.startsWith("/")) return line.trim() === "" ? { kind: "nothing" } : { kind: "send", text: line };
  const [command = "", ...words] = line.slice(1).trim().split(/\s+/);
  switch (command) {
    case "who":
    case "quota":
    case "ping":
    case "stop":
    case "reconnect":
    case "help":
    case "quit":
      return words.length === 0 ? { kind: command } : invalid(`/${command} takes no arguments.`);
    case "history":
      return parseHistory(words);
    case "reply":
    case "edit":
    case "erase":
    case "react":
      return parseAbout(command, line);
    case "typing":
      return { kind: "typing", active: words[0] !== "off" };
    case "close":
      return words.length === 0 ? { kind: "close" } : parseFault(["close", ...words]);
    case "fault":
      return parseFault(words);
    default:
      return invalid(`Unknown command /${command}; /help lists all commands.`);
  }
}

function invalid(why: string): Input {
  return { kind: "invalid", why };
}

/** How the commands about a message are written. */
const ABOUT_USAGE = {
  reply: "/reply takes the number of a message and a text, for example /reply 42 yes.",
  edit: "/edit takes the number of a message of yours and its new text, for example /edit 42 yes.",
  erase: "/erase takes the number of a message, for example /erase 42, and may be followed by a reason.",
  react:
    "/react takes the number of a message and one reaction, for example /react 42 👍, or /react 42 👍 off.",
} as const;

/** Parses a command about the message with a number. The server's own schemas say what a reaction and a reason may be. */
function parseAbout(command: keyof typeof ABOUT_USAGE, line: string): Input {
  const [, number, rest = ""] = /^\/\w+\s+#?([1-9]\d{0,14})(?:\s(.*))?$/s.exec(line) ?? [];
  const text = rest.trim() === "" ? undefined : rest;
  const seq = Number(number);
  if (number === undefined || (text === undefined && command !== "erase"))
    return invalid(ABOUT_USAGE[command]);
  switch (command) {
    case "reply":
      return { kind: "send", text: text!, replyTo: seq };
    case "edit":
      return { kind: "edit", seq, text: text! };
    case "erase": {
      const reason = text?.trim();
      const problem = problemOf(EraseRequest.shape.reason, reason);
      if (problem !== undefined) return invalid(`The reason ${problem}.`);
      return { kind: "erase", seq, ...(reason !== undefined && { reason }) };
    }
    case "react": {
      const [reaction, off, ...more] = text!.trim().split(/\s+/);
      if ((off !== undefined && off !== "off") || more.length > 0) return invalid(ABOUT_USAGE.react);
      const problem = problemOf(Reaction, reaction);
      return problem === undefined
        ? { kind: "react", seq, reaction: reaction!, on: off === undefined }
        : invalid(`A reaction ${problem}.`);
    }
    default:
      return command satisfies never;
  }
}

/** Returns what is wrong with a value, such as `must have 1 to 64 bytes`. */
function problemOf(schema: z.ZodType, value: unknown): string | undefined {
  return schema.safeParse(value).error?.issues[0]?.message;
}

function parseHistory([count = String(DEFAULT_HISTORY), ...rest]: readonly string[]): Input {
  const limit = Number(count);
  return rest.length === 0 && Number.isInteger(limit) && limit >= 1 && limit <= MAX_HISTORY_LIMIT
    ? { kind: "history", limit }
    : invalid(`/history takes the number of messages to show, from 1 to ${MAX_HISTORY_LIMIT}.`);
}

/** Validates with the server's own schema, so that both report the same errors. */
function parseFault([kind, ...words]: readonly string[]): Input {
  if (kind === undefined) return invalid("Name a fault, for example /fault cut; /help lists all.");
  // This fault returns a token, which the client library cannot send.
  if (kind === "expired_token")
    return invalid("/fault expired_token is for programs only: see docs/TESTING.md.");
  const read = readFaultRequest(JSON.stringify({ connection: "this", fault: faultRequest(kind, words) }));
  return "request" in read
    ? { kind: "fault", fault: read.request.fault }
    : invalid(read.refusal.message.replace(/^`fault(\.do)?`: /, `/fault ${kind}: `).replace("`fault.", "`"));
}

function faultRequest(kind: string, words: readonly string[]): object {
  const [first, second] = words;
  switch (kind) {
    case "freeze":
    case "freeze_writer":
      return { do: kind, seconds: parseNumber(first), ...extraWords(words, 1) };
    case "delay":
      return { do: kind, milliseconds: parseNumber(first), ...extraWords(words, 1) };
    case "lose":
      return {
        do: kind,
        next: first,
        ...(second !== undefined && { count: parseNumber(second) }),
        ...extraWords(words, 2),
      };
    case "close": {
      const reason = words.slice(1).join(" ");
      return { do: kind, code: parseNumber(first), ...(reason !== "" && { reason }) };
    }
    case "jump":
      return {
        do: kind,
        ...(/^[\d.]+$/.test(first ?? "") ? { seconds: Number(first) } : { to: first }),
        ...extraWords(words, 1),
      };
    default:
      return { do: kind, ...extraWords(words, 0) };
  }
}

/** Returns the number, or the word itself if it is not a number, for which the schema then reports an error. */
function parseNumber(word: string | undefined): unknown {
  return word !== undefined && /^-?\d+(\.\d+)?$/.test(word) ? Number(word) : word;
}

/** Returns surplus words as unknown fields, for which the schema then reports an error. */
function extraWords(words: readonly string[], taken: number): object {
  return Object.fromEntries(words.slice(taken).map((word) => [word, true]));
}
