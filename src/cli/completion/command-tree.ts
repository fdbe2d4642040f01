import type { Argument, Command, Option } from "commander";

// What can be typed after which words, read from the command line's own tree: nothing is said twice.

/** What may stand for a value: words to choose from, what the shell itself knows, or what is asked for at the Tab key. */
export type CompletionValues = readonly string[] | "files" | "folders" | "contexts" | "any";

/** Prints the names of the contexts, one a line. */
export const LIST_CONTEXTS_COMMAND = "parley context list --names 2>/dev/null";

/** A word that may be typed, and what it is for. */
export interface CompletionEntry {
  readonly word: string;
  readonly about: string;
}

/** A flag; `values` where one follows it. */
export interface CompletionFlag extends CompletionEntry {
  readonly values: CompletionValues | undefined;
}

/** One command, and what may follow it. */
export interface CommandNode {
  /** `parley user add` */
  readonly path: string;
  readonly commands: readonly CompletionEntry[];
  /** `--help` and `-h` are two. */
  readonly flags: readonly CompletionFlag[];
  /** The values of its arguments, in their order. */
  readonly arguments: readonly CompletionValues[];
  /** The values of all further arguments, where the last one may be given several times. */
  readonly more: CompletionValues | undefined;
}

/** Values by the word that stands for them in the help: `plan` of `--plan <plan>`. */
export type KnownValues = Readonly<Record<string, CompletionValues>>;

/** Every command below `root`, itself first. With no command, `usual` is meant, so its flags are the root's too. */
export function commandTree(root: Command, defaultCommand: string, known: KnownValues): CommandNode[] {
  const [top, ...below] = walk(root, root.name(), known);
  const flags = below.find(({ path }) => path === `${root.name()} ${defaultCommand}`)?.flags ?? [];
  const own = new Set(top!.flags.map(({ word }) => word));
  return [{ ...top!, flags: [...top!.flags, ...flags.filter(({ word }) => !own.has(word))] }, ...below];
}

/**
 * What may stand where a value does, by the words before it: `parley chat --url`, `parley user add 0` for a first argument,
 * `parley run ...` for any further one.
 */
export function valuesByPosition(
  nodes: readonly CommandNode[],
): readonly (readonly [string, CompletionValues])[] {
  return nodes.flatMap(({ path, flags, arguments: given, more }) => [
    ...flags.flatMap(({ word, values }) =>
      values === undefined ? [] : [[`${path} ${word}`, values] as const],
    ),
    ...given.map((values, position) => [`${path} ${position}`, values] as const),
    ...(more === undefined ? [] : [[`${path} ...`, more] as const]),
  ]);
}

function walk(command: Command, path: string, known: KnownValues): CommandNode[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const given = command.registeredArguments;
  const values = given.map((argument) => completionValues(argument, argument.name(), known));
  const node: CommandNode = {
    path,
    commands: commands.map((each) => ({ word: each.name(), about: shortDescription(each.description()) })),
    flags: help.visibleOptions(command).flatMap((option) => completionFlags(option, known)),
    arguments: values,
    more: given.at(-1)?.variadic ? values.at(-1) : undefined,
  };
  // `parley user help` is followed by one of its sisters.
  const below = { ...known, command: commands.map((each) => each.name()) };
  return [node, ...commands.flatMap((each) => walk(each, `${path} ${each.name()}`, below))];
}

function completionFlags(option: Option, known: KnownValues): CompletionFlag[] {
  const form = /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1];
  const values = form === undefined ? undefined : completionValues(option, form, known);
  return [option.long, option.short]
    .filter((word) => word !== undefined && word !== null)
    .map((word) => ({ word, about: shortDescription(option.description), values }));
}

function completionValues(
  { argChoices }: Option | Argument,
  form: string,
  known: KnownValues,
): CompletionValues {
  if (argChoices !== undefined) return argChoices;
  if (Object.hasOwn(known, form)) return known[form]!;
  return form.includes("|") ? form.split("|") : "any";
}

/** The first words of a description; there is one line for it. */
function shortDescription(description: string): string {
  return description.split(/[;(]/)[0]!.trim();
}
