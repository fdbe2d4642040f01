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
A context is a server, and who you are there; commands that talk to a server use the selected one. It may keep a token,
never a password. The file is $XDG_CONFIG_HOME/parley/contexts.json, or ~/.config/parley/contexts.json, for you alone.
A token is shown to the context's own server only. One that lasts: parley token <user> --lifetime <seconds>.`;

const JSON_OUTPUT = "answer as JSON, for scripts";

/** `parley context …`: several servers, by names. */
export function contextCommand(): Command {
  const context = new Command("context")
    .description("name servers, and choose the one to talk to")
    .addHelpText("after", NOTE);
  context
    .command("add <name>")
    .description("add a context; the first one is selected")
    .requiredOption("--url <address>", "the server: https://chat.example.com")
    .option("--user <user>", "who speaks")
    .option("--conversation <name>", "the conversation")
    .option("--token-stdin", "keep the token that stands on standard input")
    .option("--replace", "in the place of the context of this name")
    .action(add);
  context.command("select <context>").description("use a context from now on").action(select);
  context
    .command("list")
    .description("list all contexts; * marks the selected one")
    .option("--names", "the names alone, one a line")
    .option("--json", JSON_OUTPUT)
    .action(list);
  context.command("remove <context>").description("forget a context and its token").action(remove);
  addTargetFlags(
    context.command("show").description("show what a command would use now, and where each value comes from"),
  )
    .option("--json", JSON_OUTPUT)
    .action(show);
  return context;
}

async function add(name: string, flags: AddFlags): Promise<void> {
  const { url, user, conversation, tokenStdin, replace } = flags;
  if (!isContextName(name))
    throw new UsageError(
      `${JSON.stringify(name)} cannot be a context's name: use 1–64 letters, digits and . _ -, a letter or digit first.`,
    );
  addressOf({ value: url, from: "--url" });
  for (const [flag, value] of Object.entries({ user, conversation }))
    if (value !== undefined && !isIdentifier(value))
      throw new UsageError(`--${flag}=${JSON.stringify(value)} must be ${IDENTIFIER_RULE}.`);
  const path = contextsPath(process.env);
  const { all, selected = name } = readContexts(path);
  if (all.has(name) && !replace)
    throw new CliError(`There is already a context ${name}; --replace puts this one in its place.`);
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
  print(`${name} is selected.`);
}

function remove(name: string): void {
  const path = contextsPath(process.env);
  const contexts = readContexts(path);
  requireContext(contexts, name);
  const all = new Map(contexts.all);
  all.delete(name);
  const wasSelected = contexts.selected === name;
  writeContexts(path, { all, selected: wasSelected ? undefined : contexts.selected });
  print(`Removed ${name}.${wasSelected ? " None is selected now." : ""}`);
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
  else print(rows.length > 0 ? formatTable(lines) : "There are no contexts yet: `parley context add`.");
}

/** What is seen of a context: never the token. */
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
