import { type Fault, readFaultRequest } from "../../core/faults.ts";
import { MAX_HISTORY_LIMIT } from "../../protocol/limits.ts";

/** What a line that somebody typed asks for. */
export type Input =
  | { readonly kind: "nothing" | "who" | "quota" | "ping" | "leave" | "reconnect" | "help" | "quit" }
  | { readonly kind: "say"; readonly text: string }
  | { readonly kind: "history"; readonly limit: number }
  | { readonly kind: "typing"; readonly active: boolean }
  | { readonly kind: "fault"; readonly fault: Fault }
  /** It asks for nothing that there is; `why` is a sentence. */
  | { readonly kind: "wrong"; readonly why: string };

/** How many messages `/history` shows when it is not told. */
export const DEFAULT_HISTORY = 20;

/** What can stand behind the `/` that begins a command. */
export const COMMAND_NAMES = [
  "who",
  "quota",
  "history",
  "typing",
  "ping",
  "close",
  "fault",
  "reconnect",
  "quit",
  "help",
];

/** What can stand behind `/fault`. */
export const FAULT_NAMES = ["cut", "freeze", "thaw", "delay", "lose", "fill_quota", "jump", "close"];

/** What can be typed, a command a line. */
export const COMMAND_HELP = `/who                      who is here, and what they have read
/quota                    what is left of the plan
/history [count]          the last messages (${DEFAULT_HISTORY}); costs a request
/typing [off]             show that you type, or no longer do; sent by itself while you type
/ping                     how long the server takes to answer
/close                    close the connection; what you say next, or /reconnect, opens it again
/close 4408 [reason]      have the server close it with this code
/fault cut                have the server break the line; also: freeze <seconds>, thaw, delay <milliseconds>,
                          lose <frame> [count], fill_quota, jump <seconds>, jump inactivity_warning,
                          jump inactivity, jump token_expiring, jump token_expiry
/reconnect                connect at once instead of waiting
/quit                     leave, as Ctrl+D does
//text                    say a text that begins with /
/help                     this

Faults, and /close with a code, want a server with TEST_FAULTS=true; they disturb this connection only. The Tab key
completes commands and names, the arrow keys bring back what was typed before.`;

/** Reads a typed line. What begins with `/` is a command, `//` a text that begins with `/`. */
export function parseInput(line: string): Input {
  if (line.startsWith("//")) return { kind: "say", text: line.slice(1) };
  if (!line.startsWith("/")) return line.trim() === "" ? { kind: "nothing" } : { kind: "say", text: line };
  const [command = "", ...words] = line.slice(1).trim().split(/\s+/);
  switch (command) {
    case "who":
    case "quota":
    case "ping":
    case "reconnect":
    case "help":
    case "quit":
      return words.length === 0 ? { kind: command } : invalid(`/${command} takes nothing behind it.`);
    case "history":
      return parseHistory(words);
    case "typing":
      return { kind: "typing", active: words[0] !== "off" };
    case "close":
      return words.length === 0 ? { kind: "leave" } : parseFault(["close", ...words]);
    case "fault":
      return parseFault(words);
    default:
      return invalid(`There is no /${command}; /help shows what there is.`);
  }
}

function invalid(why: string): Input {
  return { kind: "wrong", why };
}

function parseHistory([count = String(DEFAULT_HISTORY), ...rest]: readonly string[]): Input {
  const limit = Number(count);
  return rest.length === 0 && Number.isInteger(limit) && limit >= 1 && limit <= MAX_HISTORY_LIMIT
    ? { kind: "history", limit }
    : invalid(`/history takes how many messages it shows, from 1 to ${MAX_HISTORY_LIMIT}.`);
}

/** The server's own schema says what is wrong, so that both say the same. */
function parseFault([kind, ...words]: readonly string[]): Input {
  if (kind === undefined) return invalid("Say which fault: /fault cut, for example; /help shows all.");
  // Its answer is a token, which the client library has no way to send.
  if (kind === "expired_token") return invalid("/fault expired_token is for programs: see docs/TESTING.md.");
  const read = readFaultRequest(JSON.stringify({ connection: "this", fault: faultRequest(kind, words) }));
  return "request" in read
    ? { kind: "fault", fault: read.request.fault }
    : invalid(read.refusal.message.replace(/^`fault(\.do)?`: /, `/fault ${kind}: `).replace("`fault.", "`"));
}

function faultRequest(kind: string, words: readonly string[]): object {
  const [first, second] = words;
  switch (kind) {
    case "freeze":
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

/** A number, or the word that is none, of which the schema says what is wrong. */
function parseNumber(word: string | undefined): unknown {
  return word !== undefined && /^-?\d+(\.\d+)?$/.test(word) ? Number(word) : word;
}

/** Words behind the last one that a fault takes, as fields that no fault has. */
function extraWords(words: readonly string[], taken: number): object {
  return Object.fromEntries(words.slice(taken).map((word) => [word, true]));
}
