import { Command } from "commander";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { addressOf, addTargetFlags, loadTarget, type TargetFlags } from "../server/target.ts";
import { readSecret } from "../terminal/password-prompt.ts";
import { print, printJson } from "../terminal/print.ts";
import { formatTable } from "../terminal/table.ts";
import {
  type Context,
  type Contexts,
  contextsPath,
  isContextName,
  readContexts,
  requireContext,
  writeContexts,
} from "./contexts.ts";

interface AddFlags {
  readonly url: string;
  readonly user?: string;
  readonly conversation?: string;
  readonly tokenStdin?: boolean;
  readonly replace?: boolean;
}

interface JsonFlag {
  readonly json?: boolean;
}

const NOTE = `
A context names a server and your user there; commands that connect to a server use the selected context. It may store a
token, but never a password, in $XDG_CONFIG_HOME/parley/contexts.json or ~/.config/parley/contexts.json, which only you can
read. The token is only sent to the context's own server. For a long-lived token: parley token <user> --lifetime <seconds>`;

const JSON_OUTPUT = "print JSON, for scripts";

/** `parley context …`: manages named servers. */
export function contextCommand(): Command {
  const context = new Command("context")
    .description("save servers by name, and select one")
    .addHelpText("after", NOTE);
  context
    .command("add <name>")
    .description("add a context; the first one is selected")
    .requiredOption("--url <address>", "URL of the server, such as https://chat.example.com")
    .option("--user <user>", "the user")
    .option("--conversation <name>", "the default conversation")
    .option("--token-stdin", "store the token from standard input")
    .option("--replace", "replace the context of this name")
    .action(add);
  context.command("select <context>").description("use a context from now on").action(select);
  context
    .command("list")
    .description("list all contexts; * marks the selected one")
    .option("--names", "print only the names, one per line")
    .option("--json", JSON_OUTPUT)
    .action(list);
  context.command("remove <context>").description("remove a context and its token").action(remove);
  addTargetFlags(
    context
      .command("show")
      .description("show the values that a command would use, and where each comes from"),
  )
    .option("--json", JSON_OUTPUT)
    .action(show);
  return context;
}

async function add(name: string, flags: AddFlags): Promise<void> {
  const { url, user, conversation, tokenStdin, replace } = flags;
  if (!isContextName(name))
    throw new UsageError(
      `${JSON.stringify(name)} is not a valid context name: use 1–64 letters, digits and . _ -, with a letter or digit first.`,
    );
  addressOf({ value: url, from: "--url" });
  for (const [flag, value] of Object.entries({ user, conversation }))
    if (value !== undefined && !isIdentifier(value))
      throw new UsageError(`--${flag}=${JSON.stringify(value)} must be ${IDENTIFIER_RULE}.`);
  const path = contextsPath(process.env);
  const { all, selected = name } = readContexts(path);
  if (all.has(name) && !replace)
    throw new CliError(`There is already a context ${name}; add --replace to replace it.`);
  const token = tokenStdin ? (await readSecret()).trim() : undefined;
  if (token === "") throw new CliError("There is no token on standard input; nothing was changed.");
  const context: Context = { url, user, conversation, token };
  writeContexts(path, { selected, all: new Map(all).set(name, context) });
  print(
    `${replace && all.has(name) ? "Replaced" : "Added"} ${name}${selected === name ? ", which is selected" : ""}.`,
  );
}

function select(name: string): void {
  const path = contextsPath(process.env);
  const contexts = readContexts(path);
  requireContext(contexts, name);
  writeContexts(path, { ...contexts, selected: name });
  print(`Selected ${name}.`);
}

function remove(name: string): void {
  const path = contextsPath(process.env);
  const contexts = readContexts(path);
  requireContext(contexts, name);
  const all = new Map(contexts.all);
  all.delete(name);
  const wasSelected = contexts.selected === name;
  writeContexts(path, { all, selected: wasSelected ? undefined : contexts.selected });
  print(`Removed ${name}.${wasSelected ? " No context is selected now." : ""}`);
}

function list({ json, names }: JsonFlag & { readonly names?: boolean }): void {
  const contexts = readContexts(contextsPath(process.env));
  if (names) {
    for (const name of contexts.all.keys()) print(name);
    return;
  }
  const rows = [...contexts.all].map(([name, context]) => jsonFields(contexts, name, context));
  const lines = rows.map(({ selected, context, url, user, conversation, token }) => [
    `${selected ? "*" : " "} ${context}`,
    url,
    user ?? "",
    conversation ?? "",
    token ? "with a token" : "",
  ]);
  if (json) printJson(rows, 2);
  else
    print(
      rows.length > 0 ? formatTable(lines) : "There are no contexts yet. Add one with `parley context add`.",
    );
}

/** Returns the fields of a context for scripts, without the token. */
function jsonFields({ selected }: Contexts, name: string, { url, user, conversation, token }: Context) {
  return {
    context: name,
    url,
    user: user ?? null,
    conversation: conversation ?? null,
    token: token !== undefined,
    selected: name === selected,
  };
}

function show({ json, ...flags }: TargetFlags & JsonFlag): void {
  const { url, user, conversation, secret } = loadTarget(flags);
  const rows = [
    ["url", url.value, url.from],
    ["user", user?.value, user?.from],
    ["conversation", conversation?.value, conversation?.from],
    ["secret", secret && ("token" in secret ? "token" : "password"), secret?.from],
  ] as const;
  if (json) {
    const entries = rows.map(([name, value, from]) => [name, value === undefined ? null : { value, from }]);
    printJson(Object.fromEntries(entries), 2);
  } else print(formatTable(rows.map(([name, value = "–", from]) => [name, value, from ? `(${from})` : ""])));
}
