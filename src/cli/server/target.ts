import type { Command } from "commander";
import { subjectOf } from "../../client/connection/token.ts";
import { type ServerAddress as Address, parseServerAddress } from "../../conformance/server-address.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import { UsageError } from "../cli-error.ts";
import { type Context, contextsPath, readContexts, requireContext } from "../context/contexts.ts";

/** The flags of `addTargetFlags`, as commander gives them. */
export interface TargetFlags {
  readonly url?: string;
  readonly user?: string;
  readonly token?: string;
  readonly passwordStdin?: boolean;
  readonly conversation?: string;
  readonly context?: string;
}

/** What a person is known by. `from` is the place it comes from, in words. */
export type CredentialSource =
  | { readonly token: string; readonly from: string }
  | { readonly password: string; readonly from: string }
  | { readonly passwordStdin: true; readonly from: string };

/** A value, and the place that it comes from, in words: `--url`, `PARLEY_URL`, `context prod`, `default`. */
export interface ConfigValue {
  readonly value: string;
  readonly from: string;
}

/** Which server a command speaks to, and as whom. */
export interface Target extends Address {
  readonly url: ConfigValue;
  readonly user?: ConfigValue | undefined;
  readonly conversation?: ConfigValue | undefined;
  readonly secret?: CredentialSource | undefined;
}

/** One place that values come from, a stronger one before a weaker one. */
interface Layer {
  /** Names the place of a value: `--user`, `PARLEY_USER`. */
  name(field: "url" | "user" | "conversation" | "token" | "password"): string;
  readonly url?: string | undefined;
  readonly user?: string | undefined;
  readonly conversation?: string | undefined;
  readonly token?: string | undefined;
  readonly password?: string | undefined;
  readonly passwordStdin?: boolean | undefined;
  /** Its token was given out by its server, and is shown to no other one. */
  readonly isContext?: boolean;
}

/** A server that was started with its defaults. */
const DEFAULT_URL = "http://127.0.0.1:8000";

/** Says in `--help` where else the values of the flags come from. */
export const TARGET_NOTE = `
A flag wins over the environment (PARLEY_URL, PARLEY_USER, PARLEY_TOKEN, PARLEY_CONVERSATION, PARLEY_CONTEXT), the
environment over the selected context (parley context --help), and that over the default. Who you are is shown by a
token, or by a password: PARLEY_PASSWORD, --password-stdin, or asked for on the terminal. A server with demo accounts
lets you in as one of them.`;

/** Gives `command` the flags that say which server it speaks to, and as whom. */
export function addTargetFlags(command: Command): Command {
  const option = (flags: string, about: string) =>
    command.addOption(command.createOption(flags, about).helpGroup("Server:"));
  option("--url <address>", `the server (default: ${DEFAULT_URL})`);
  option("--user <user>", "who speaks (default: whom the token names)");
  option("--token <token>", "token of the user; PARLEY_TOKEN hides it from other users of this machine");
  option("--password-stdin", "read the password from standard input");
  option("--conversation <name>", "the conversation");
  option("--context <context>", "server, user, token and conversation of this context");
  return command.addHelpText("after", TARGET_NOTE);
}

/** Reads flags, environment and contexts. Throws a `CliError` when a value cannot be used; asks nobody anything. */
export function loadTarget(flags: TargetFlags, env: NodeJS.ProcessEnv = process.env): Target {
  const named = flags.context ?? (env.PARLEY_CONTEXT || undefined);
  const contexts = readContexts(contextsPath(env));
  const name = named ?? contexts.selected;
  const context = name === undefined ? undefined : contextLayer(name, requireContext(contexts, name));
  const layers = [flagLayer(flags), environmentLayer(env), ...(context ? [context] : [])];
  // A context that is named by a flag was asked for now; the environment was set some time ago.
  if (context !== undefined && flags.context !== undefined) layers.splice(1, 2, context, layers[1]!);
  return resolve(layers);
}

/** The address that `url` names. Throws a `CliError` where it is none. */
export function addressOf({ value, from }: ConfigValue): Address {
  const address = parseServerAddress(value);
  if (address !== undefined) return address;
  throw new UsageError(
    `${JSON.stringify(value)} (${from}) is not a server's address; such as ${DEFAULT_URL} is.`,
  );
}

function resolve(layers: readonly Layer[]): Target {
  const url = findValue(layers, "url") ?? { value: DEFAULT_URL, from: "default" };
  const address = addressOf(url);
  const conversation = findValue(layers, "conversation");
  const { user, secret } = findIdentity(layers, address);
  for (const [field, found] of Object.entries({ user, conversation }))
    if (found !== undefined && !isIdentifier(found.value))
      throw new UsageError(
        `${JSON.stringify(found.value)} (${found.from}) cannot be a ${field}: use ${IDENTIFIER_RULE}.`,
      );
  return { ...address, url, user, conversation, secret };
}

function findValue(
  layers: readonly Layer[],
  field: "url" | "user" | "conversation",
): ConfigValue | undefined {
  const layer = layers.find((one) => one[field] !== undefined);
  return layer && { value: layer[field]!, from: layer.name(field) };
}

/**
 * The strongest secret that may be shown to the server, and is not another user's than a stronger place asks for. A token
 * says whose it is: no weaker place names the user.
 */
function findIdentity(
  layers: readonly Layer[],
  { http }: Address,
): { user?: ConfigValue | undefined; secret?: CredentialSource | undefined } {
  let user: ConfigValue | undefined;
  for (const layer of layers) {
    const { token, password, passwordStdin } = layer;
    const isOf = (owner: string | undefined) =>
      user === undefined || owner === undefined || owner === user.value;
    const mayBeShown = !layer.isContext || parseServerAddress(layer.url!)?.http === http;
    if (token !== undefined && mayBeShown && isOf(layer.user ?? subjectOf(token)))
      return { user: user ?? findValue([layer], "user"), secret: { token, from: layer.name("token") } };
    const secret = passwordStdin
      ? { passwordStdin, from: "--password-stdin" }
      : password !== undefined && isOf(layer.user)
        ? { password, from: layer.name("password") }
        : undefined;
    if (secret !== undefined) return { user: user ?? findValue(layers, "user"), secret };
    user ??= findValue([layer], "user");
  }
  return { user };
}

function flagLayer({ url, user, token, passwordStdin, conversation }: TargetFlags): Layer {
  return { name: (field) => `--${field}`, url, user, token, passwordStdin, conversation };
}

function environmentLayer(env: NodeJS.ProcessEnv): Layer {
  const name = (field: string) => `PARLEY_${field.toUpperCase()}`;
  const read = (field: string) => env[name(field)] || undefined;
  return {
    name,
    url: read("url"),
    user: read("user"),
    token: read("token"),
    password: read("password"),
    conversation: read("conversation"),
  };
}

function contextLayer(name: string, context: Context): Layer {
  return { ...context, name: () => `context ${name}`, isContext: true };
}
