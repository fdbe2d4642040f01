import {
  type CommandNode,
  type CompletionEntry,
  type CompletionValues,
  LIST_CONTEXTS_COMMAND,
  valuesByPosition,
} from "./command-tree.ts";

/** Returns a completion script for zsh: for a file `_parley` in `fpath`, or to be sourced. */
export function zshScript(nodes: readonly CommandNode[]): string {
  const cases = (entries: (node: CommandNode) => readonly CompletionEntry[]) =>
    nodes
      .map((node) => `    ${quote(node.path)}) offered=(${entries(node).map(described).join(" ")}) ;;`)
      .join("\n");
  return `#compdef parley
# Completion of parley for zsh. To load it: source <(parley completion zsh), after compinit

__parley_commands() {
  case $1 in
${cases(({ commands }) => commands)}
    *) return 1 ;;
  esac
}

__parley_flags() {
  case $1 in
${cases(({ flags }) => flags)}
  esac
}

# The values of a flag, or of an argument by its position; fails if a flag takes none.
__parley_values() {
  case $1 in
${valuesByPosition(nodes)
  .map(([key, values]) => `    ${quote(key)}) offered=(${valuesIn(values)}) ;;`)
  .join("\n")}
    *) return 1 ;;
  esac
}

__parley_offer() {
  case $offered[1] in
    '<files>') _files ;;
    '<folders>') _files -/ ;;
    '<contexts>') offered=(\${(f)"$(${LIST_CONTEXTS_COMMAND})"}); (( $#offered )) && compadd -- $offered ;;
    *) compadd -- $offered ;;
  esac
}

_parley() {
  local where=parley flag= word
  local -a offered
  integer i position=0
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    if [[ -n $flag ]]; then
      flag=
    elif [[ $word == -*=* ]]; then
      :
    elif [[ $word == -* ]]; then
      __parley_values "$where $word" && flag=$word
    elif __parley_commands "$where $word"; then
      where="$where $word"
      position=0
    else
      position+=1
    fi
  done
  offered=()
  if [[ -z $flag && $PREFIX == --*=* ]]; then
    flag=\${PREFIX%%=*}
    compset -P '*='
  fi
  if [[ -n $flag ]]; then
    __parley_values "$where $flag" && __parley_offer
  elif [[ $PREFIX == -* ]]; then
    __parley_flags "$where"
    _describe -o 'flag' offered
  else
    __parley_commands "$where"
    (( $#offered )) && _describe 'command' offered
    offered=()
    { __parley_values "$where $position" || __parley_values "$where ..." } && __parley_offer
  fi
}

if [[ $funcstack[1] == _parley ]]; then
  _parley "$@"
else
  compdef _parley parley
fi
`;
}

/** Returns a word and its description in the form of `_describe`. */
function described({ word, about }: CompletionEntry): string {
  return quote(`${word.replaceAll(":", "\\:")}:${about}`);
}

function valuesIn(values: CompletionValues): string {
  if (typeof values !== "string") return values.map(quote).join(" ");
  return values === "any" ? "" : quote(`<${values}>`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
