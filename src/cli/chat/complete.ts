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

/**
 * Returns the completions for a partly typed line, and the end of the line that they replace, in the form of node:readline:
 * commands and their arguments, and in messages the names of the `present` users.
 */
export function completionsOf(line: string, present: readonly string[]): [string[], string] {
  const end = /\S*$/.exec(line)![0];
  const before = line
    .slice(0, line.length - end.length)
    .trim()
    .replace(/\s+/g, " ");
  const isCommand = line.startsWith("/") && !line.startsWith("//");
  const offered = isCommand ? (WORDS[before] ?? []) : end === "" ? [] : present;
  // A blank after the word, as shells add it.
  const matching = offered.filter((word) => word.startsWith(end)).map((word) => `${word} `);
  return [matching, end];
}
