import { CLOCK_JUMP_TARGETS, DROPPABLE_FRAMES } from "../../core/faults.ts";
import { COMMAND_NAMES, FAULT_NAMES } from "./parse-input.ts";

/** What may follow, by the words before it. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  "": COMMAND_NAMES.map((name) => `/${name}`),
  "/typing": ["off"],
  "/fault": FAULT_NAMES,
  "/fault lose": DROPPABLE_FRAMES,
  "/fault jump": CLOCK_JUMP_TARGETS,
};

/**
 * What the Tab key offers for a half-typed line, and the end of the line in whose place it stands, as node:readline wants
 * both: commands and what they take, and in what is said the names of the `present` users.
 */
export function completionsOf(line: string, present: readonly string[]): [string[], string] {
  const end = /\S*$/.exec(line)![0];
  const before = line
    .slice(0, line.length - end.length)
    .trim()
    .replace(/\s+/g, " ");
  const isCommand = line.startsWith("/") && !line.startsWith("//");
  const offered = isCommand ? (WORDS[before] ?? []) : end === "" ? [] : present;
  // A blank behind it, as shells do, where it is the only one.
  const fitting = offered.filter((word) => word.startsWith(end)).map((word) => `${word} `);
  return [fitting, end];
}
