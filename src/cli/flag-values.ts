import { type Command, InvalidArgumentError, type Option } from "commander";
import type { SettingParser } from "../server/settings/parser.ts";
import { integer, seconds } from "../server/settings/parsers.ts";

/** Creates an option whose value is a whole number from `min` to `max`; anything else is a usage error. */
export function integerOption(
  command: Command,
  flags: string,
  about: string,
  min: number,
  max: number,
): Option {
  return command.createOption(flags, about).argParser(optionParser(integer("", min, max)));
}

/** Creates an option whose value is a number of seconds from `min` to `max`; decimals are allowed. */
export function secondsOption(
  command: Command,
  flags: string,
  about: string,
  min: number,
  max: number,
): Option {
  return command.createOption(flags, about).argParser(optionParser(seconds(min, max)));
}

/** Parses an option that may be given several times: returns all its values in order. */
export function collectOption(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function optionParser(kind: SettingParser<number>): (text: string) => number {
  return (text) => {
    const parsed = kind.parse(text);
    if ("problem" in parsed) throw new InvalidArgumentError(`It ${parsed.problem}.`);
    return parsed.value;
  };
}
