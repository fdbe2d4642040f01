import type { Argument, Command, Option } from "commander";

// What can be typed after which words, read from the command line's own tree: nothing is said twice.

/** What may stand for a value: words to choose from, what the shell itself knows, or what is asked for at the Tab key. */
export type Values = readonly string[] | "files" | "folders" | "contexts" | "any";

/** Prints the names of the contexts, one a line. */
export const ASK_CONTEXTS = "parley context list --names 2>/dev/null";

/** A word that may be typed, and what it is for. */
export interface Entry {
  readonly word: string;
  readonly about: string;
}

/** A flag; `values` where one follows it. */
export interface Flag extends Entry {
  readonly values: Values | undefined;
}

/** One command, and what may follow it. */
export interface Place {
  /** `parley user add` */
  readonly path: string;
  readonly commands: readonly Entry[];
  /** `--help` and `-h` are two. */
  readonly flags: readonly Flag[];
  /** The values of its arguments, in their order. */
  readonly arguments: readonly Values[];
  /** The values of all further arguments, where the last one may be given several times. */
  readonly more: Values | undefined;
}

/** Values by the word that stands for them in the help: `plan` of `--plan <plan>`. */
export type KnownValues = Readonly<Record<string, Values>>;

/** Every command below `root`, itself first. With no command, `usual` is meant, so its flags are the root's too. */
export function placesOf(root: Command, usual: string, known: KnownValues): Place[] {
  const [top, ...below] = walk(root, root.name(), known);
  const flags = below.find(({ path }) => path === `${root.name()} ${usual}`)?.flags ?? [];
  const own = new Set(top!.flags.map(({ word }) => word));
  return [{ ...top!, flags: [...top!.flags, ...flags.filter(({ word }) => !own.has(word))] }, ...below];
}

/**
 * What may stand where a value does, by the words before it: `parley chat --url`, `parley user add 0` for a first argument,
 * `parley run ...` for any further one.
 */
export function valuesByPlace(places: readonly Place[]): readonly (readonly [string, Values])[] {
  return places.flatMap(({ path, flags, arguments: given, more }) => [
    ...flags.flatMap(({ word, values }) =>
      values === undefined ? [] : [[`${path} ${word}`, values] as const],
    ),
    ...given.map((values, position) => [`${path} ${position}`, values] as const),
    ...(more === undefined ? [] : [[`${path} ...`, more] as const]),
  ]);
}

function walk(command: Command, path: string, known: KnownValues): Place[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const given = command.registeredArguments;
  const values = given.map((argument) => valuesOf(argument, argument.name(), known));
  const place: Place = {
    path,
    commands: commands.map((each) => ({ word: each.name(), about: inShort(each.description()) })),
    flags: help.visibleOptions(command).flatMap((option) => flagsOf(option, known)),
    arguments: values,
    more: given.at(-1)?.variadic ? values.at(-1) : undefined,
  };
  // `parley user help` is followed by one of its sisters.
  const below = { ...known, command: commands.map((each) => each.name()) };
  return [place, ...commands.flatMap((each) => walk(each, `${path} ${each.name()}`, below))];
}

function flagsOf(option: Option, known: KnownValues): Flag[] {
  const form = /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1];
  const values = form === undefined ? undefined : valuesOf(option, form, known);
  return [option.long, option.short]
    .filter((word) => word !== undefined && word !== null)
    .map((word) => ({ word, about: inShort(option.description), values }));
}

function valuesOf({ argChoices }: Option | Argument, form: string, known: KnownValues): Values {
  if (argChoices !== undefined) return argChoices;
  if (Object.hasOwn(known, form)) return known[form]!;
  return form.includes("|") ? form.split("|") : "any";
}

/** The first words of a description; there is one line for it. */
function inShort(description: string): string {
  return description.split(/[;(]/)[0]!.trim();
}
