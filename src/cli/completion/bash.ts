import {
  type CommandNode,
  type CompletionValues,
  LIST_CONTEXTS_COMMAND,
  valuesByPosition,
} from "./command-tree.ts";

/** Returns a completion script for bash 3.2 and newer, which needs no other package. */
export function bashScript(nodes: readonly CommandNode[]): string {
  const cases = (words: (node: CommandNode) => string) =>
    nodes.map((node) => `    ${quote(node.path)}) ${words(node)} ;;`);
  return `# Completion of parley for bash. To load it: source <(parley completion bash)

__parley_commands() {
  case "$1" in
${cases(({ commands }) => assign(commands.map(({ word }) => word))).join("\n")}
    *) return 1 ;;
  esac
}

__parley_flags() {
  case "$1" in
${cases((node) => assign(node.flags.map(({ word }) => word))).join("\n")}
  esac
}

# The values of a flag, or of an argument by its position; fails if a flag takes none.
__parley_values() {
  case "$1" in
${valuesByPosition(nodes)
  .map(([key, values]) => `    ${quote(key)}) ${assign(values)} ;;`)
  .join("\n")}
    *) return 1 ;;
  esac
}

_parley() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path=parley flag= position=0 words= offered word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ -n $flag ]]; then
      # bash splits --flag=value into three words.
      [[ $word == "=" ]] || flag=
    elif [[ $word == -* ]]; then
      __parley_values "$path $word" && flag=$word
    elif __parley_commands "$path $word"; then
      path="$path $word"
      position=0
    else
      position=$((position + 1))
    fi
  done
  COMPREPLY=()
  if [[ -n $flag ]]; then
    [[ $cur == "=" ]] && cur=
    __parley_values "$path $flag"
    offered=$words
  elif [[ $cur == -* ]]; then
    __parley_flags "$path"
    offered=$words
  else
    __parley_commands "$path"
    offered=$words
    words=
    __parley_values "$path $position" || __parley_values "$path ..."
    offered="$offered $words"
  fi
  local IFS=$' \\t\\n'
  case "$offered" in
    *"<files>"*) IFS=$'\\n'; compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")) ;;
    *"<folders>"*) IFS=$'\\n'; compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur")) ;;
    *"<contexts>"*) COMPREPLY=($(compgen -W "$(${LIST_CONTEXTS_COMMAND})" -- "$cur")) ;;
    *) COMPREPLY=($(compgen -W "$offered" -- "$cur")) ;;
  esac
}

complete -F _parley parley
`;
}

function assign(values: CompletionValues): string {
  return `words=${quote(typeof values === "string" ? (values === "any" ? "" : `<${values}>`) : values.join(" "))}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
