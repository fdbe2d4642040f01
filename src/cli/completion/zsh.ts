import {
  type CommandNode,
  type CompletionEntry,
  type CompletionValues,
  LIST_CONTEXTS_COMMAND,
  valuesByPosition,
} from "./command-tree.ts";

/** A completion script for zsh: as a file `_parley` of `fpath`, or sourced. */
export function zshScript(nodes: readonly CommandNode[]): string {
  const at = (entries: (place: CommandNode) => readonly CompletionEntry[]) =>
    nodes
      .map((place) => `    ${quote(place.path)}) offered=(${entries(place).map(described).join(" ")}) ;;`)
      .join("\n");
  return `#compdef parley
# Completion of parley for zsh. To load it: source <(parley completion zsh), after compinit

__parley_commands() {
  case $1 in
${at(({ commands }) => commands)}
    *) return 1 ;;
  esac
}

__parley_flags() {
  case $1 in
${at(({ flags }) => flags)}
  esac
}

# The values of a flag, or of an argument by its place; fails where a flag takes none.
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

/** A word and what it is for, as `_describe` wants them. */
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
