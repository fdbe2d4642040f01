import type { Argument, Command, Option } from "commander";

// The completions after each command, read from commander's own tree, so that nothing is defined twice.

/** The completions of a value: a list of words, files or folders that the shell lists, or contexts that a command lists. */
export type CompletionValues = readonly string[] | "files" | "folders" | "contexts" | "any";

/** Prints the names of the contexts, one per line. */
export const LIST_CONTEXTS_COMMAND = "parley context list --names 2>/dev/null";

/** A completion, and its description. */
export interface CompletionEntry {
  readonly word: string;
  readonly about: string;
}

/** A flag; `values` if it takes a value. */
export interface CompletionFlag extends CompletionEntry {
  readonly values: CompletionValues | undefined;
}

/** A command, and what may follow it. */
export interface CommandNode {
  /** The command with its parents, such as `parley user add`. */
  readonly path: string;
  readonly commands: readonly CompletionEntry[];
  /** The flags; the long and the short form are separate entries. */
  readonly flags: readonly CompletionFlag[];
  /** The values of its arguments, in order. */
  readonly arguments: readonly CompletionValues[];
  /** The values of further arguments, if the last one may be repeated. */
  readonly more: CompletionValues | undefined;
}

/** Values by their placeholder in the help: `plan` of `--plan <plan>`. */
export type KnownValues = Readonly<Record<string, CompletionValues>>;

/** Returns `root` and all commands below it. Without a command, `defaultCommand` runs, so the root also gets its flags. */
export function commandTree(root: Command, defaultCommand: string, known: KnownValues): CommandNode[] {
  const [top, ...below] = walk(root, root.name(), known);
  const flags = below.find(({ path }) => path === `${root.name()} ${defaultCommand}`)?.flags ?? [];
  const own = new Set(top!.flags.map(({ word }) => word));
  return [{ ...top!, flags: [...top!.flags, ...flags.filter(({ word }) => !own.has(word))] }, ...below];
}

/**
 * Returns the values by the words before them: `parley chat --url`, `parley user add 0` for a first argument,
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
  // `parley user help` takes the name of one of its sibling commands.
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

/** Returns the first part of a description, which has to fit on one line. */
function shortDescription(description: string): string {
  return description.split(/[;(]/)[0]!.trim();
}
