import {
  type CommandNode,
  type CompletionFlag,
  type CompletionValues,
  LIST_CONTEXTS_COMMAND,
} from "./command-tree.ts";

/** Returns a completion script for fish. */
export function fishScript(nodes: readonly CommandNode[]): string {
  const flagsWithValue = nodes.flatMap(({ path, flags }) =>
    flags.filter(({ values }) => values !== undefined).map(({ word }) => quote(`${path} ${word}`)),
  );
  return `# Completion of parley for fish. To load it: parley completion fish | source

# Sets __parley_where to the current command, such as \`parley user add\`, and __parley_position to the number of its arguments.
function __parley_walk
    set -g __parley_where parley
    set -g __parley_position 0
    set -l takes no
    for word in (commandline -opc)[2..-1]
        if test $takes = yes
            set takes no
        else if string match -q -- '-*=*' $word
            continue
        else if string match -q -- '-*' $word
            contains -- "$__parley_where $word" $__parley_value_flags; and set takes yes
        else if contains -- "$__parley_where $word" $__parley_commands
            set __parley_where "$__parley_where $word"
            set __parley_position 0
        else
            set __parley_position (math $__parley_position + 1)
        end
    end
end

# Whether the given command is the current one; \`eq 1\`: with one argument, \`ge 1\`: with one or more.
function __parley_at
    __parley_walk
    test "$__parley_where" = "$argv[1]"; or return 1
    test (count $argv) -lt 2; or test $__parley_position -$argv[2] $argv[3]
end

set -g __parley_commands ${nodes.map(({ path }) => quote(path)).join(" ")}
set -g __parley_value_flags ${flagsWithValue.join(" ")}

complete -c parley -e
complete -c parley -f
${nodes.flatMap(linesOf).join("\n")}
`;
}

function linesOf(node: CommandNode): string[] {
  const at = (given = "") => `complete -c parley -n ${quote(`__parley_at ${quote(node.path)}${given}`)}`;
  const last = node.arguments.length - 1;
  return [
    ...node.commands.map(({ word, about }) => `${at()} -a ${quote(word)} -d ${quote(about)}`),
    ...node.arguments.flatMap((values, position) =>
      values === "any"
        ? []
        : [
            `${at(` ${node.more !== undefined && position === last ? "ge" : "eq"} ${position}`)} ${offer(values)}`,
          ],
    ),
    ...node.flags.map((flag) => `${at()} ${named(flag)} -d ${quote(flag.about)}`),
  ];
}

function named({ word, values }: CompletionFlag): string {
  const name = word.startsWith("--") ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`;
  return values === undefined ? name : `${name} -r ${offer(values)}`;
}

/** Returns fish options for the values: `-f` excludes file names, `-F` includes them. */
function offer(values: CompletionValues): string {
  if (values === "files") return "-F";
  if (values === "folders") return "-f -a '(__fish_complete_directories (commandline -ct))'";
  if (values === "contexts") return `-f -a ${quote(`(${LIST_CONTEXTS_COMMAND})`)}`;
  return values === "any" ? "-f" : `-f -a ${quote(values.join(" "))}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
