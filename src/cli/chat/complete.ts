import type { Entry } from "../../client/index.ts";
import { CLOCK_JUMP_TARGETS, DROPPABLE_FRAMES } from "../../core/faults.ts";
import { COMMAND_NAMES, FAULT_NAMES } from "./parse-input.ts";

/** The completions, by the words before the cursor. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  "": COMMAND_NAMES.map((name) => `/${name}`),
  "/typing": ["off"],
  "/fault": FAULT_NAMES,
  "/fault lose": DROPPABLE_FRAMES,
  "/fault jump": CLOCK_JUMP_TARGETS,
};

/** Reactions that most people know. */
const REACTIONS = ["👍", "❤️", "😂", "🎉", "👀", "✅"];

/** How many numbers of messages are offered. */
const MAX_NUMBERS = 5;

/** What can be named on the input line. */
export interface Nameable {
  /** The names of the present users. */
  readonly present: readonly string[];
  /** The messages, the oldest first. */
  readonly messages: readonly Pick<Entry, "seq" | "own">[];
}

/**
 * Returns the completions for a partly typed line, and the end of the line that they replace, in the form of node:readline:
 * commands and their arguments, and in messages the names of the present users.
 */
export function completionsOf(line: string, nameable: Nameable): [string[], string] {
  const end = /\S*$/.exec(line)![0];
  const before = line
    .slice(0, line.length - end.length)
    .trim()
    .replace(/\s+/g, " ");
  const isCommand = line.startsWith("/") && !line.startsWith("//");
  const offered = isCommand ? wordsAfter(before, nameable.messages) : end === "" ? [] : nameable.present;
  // A blank after the word, as shells add it.
  const matching = offered.filter((word) => word.startsWith(end)).map((word) => `${word} `);
  return [matching, end];
}

/** The words that may follow `before`. What can be edited is one's own; what one answers is of others. */
function wordsAfter(before: string, messages: Nameable["messages"]): readonly string[] {
  if (/^\/react #?\d+$/.test(before)) return REACTIONS;
  if (/^\/react #?\d+ \S+$/.test(before)) return ["off"];
  if (!/^\/(edit|erase|react|reply)$/.test(before)) return WORDS[before] ?? [];
  const isOwn = before === "/edit" || before === "/erase";
  const numbers = messages.flatMap(({ seq, own }) =>
    seq !== undefined && own === isOwn ? [String(seq)] : [],
  );
  return numbers.slice(-MAX_NUMBERS).reverse();
}
