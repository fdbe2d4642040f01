import { type Command, InvalidArgumentError, type Option } from "commander";
import type { SettingParser } from "../server/settings/parser.ts";
import { integer, seconds } from "../server/settings/parsers.ts";

/** An option whose value is a whole number, both ends included; anything else is a wrong call. */
export function integerOption(
  command: Command,
  flags: string,
  about: string,
  min: number,
  max: number,
): Option {
  return command.createOption(flags, about).argParser(optionParser(integer("", min, max)));
}

/** An option whose value is a number of seconds, both ends included, decimals allowed. */
export function secondsOption(
  command: Command,
  flags: string,
  about: string,
  min: number,
  max: number,
): Option {
  return command.createOption(flags, about).argParser(optionParser(seconds(min, max)));
}

/** The parser of an option that may be given several times: what was given, in its order. */
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
