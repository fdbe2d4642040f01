import type { Command } from "commander";
import { subjectOf } from "../../client/line/token.ts";
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

/** The secret of a user. `from` describes its source. */
export type CredentialSource =
  | { readonly token: string; readonly from: string }
  | { readonly password: string; readonly from: string }
  | { readonly passwordStdin: true; readonly from: string };

/** A value, and a description of its source: `--url`, `PARLEY_URL`, `context prod`, `default`. */
export interface ConfigValue {
  readonly value: string;
  readonly from: string;
}

/** The server and the user of a command. */
export interface Target extends Address {
  readonly url: ConfigValue;
  readonly user?: ConfigValue | undefined;
  readonly conversation?: ConfigValue | undefined;
  readonly secret?: CredentialSource | undefined;
}

/** One source of values; earlier layers override later ones. */
interface Layer {
  /** Returns the description of a value's source: `--user`, `PARLEY_USER`. */
  name(field: "url" | "user" | "conversation" | "token" | "password"): string;
  readonly url?: string | undefined;
  readonly user?: string | undefined;
  readonly conversation?: string | undefined;
  readonly token?: string | undefined;
  readonly password?: string | undefined;
  readonly passwordStdin?: boolean | undefined;
  /** A context's token belongs to the context's server, and must not be sent to any other. */
  readonly isContext?: boolean;
}

/** The URL of a server with default settings. */
export const DEFAULT_URL = "http://127.0.0.1:8000";

/** The part of `--help` about other sources of values. */
function targetNote(conversation: boolean): string {
  const sources = conversation
    ? `A flag overrides the environment (PARLEY_URL, PARLEY_USER, PARLEY_TOKEN, PARLEY_CONVERSATION, PARLEY_CONTEXT), which
overrides the selected context (parley context --help), which overrides the default.`
    : `A flag overrides the environment (PARLEY_URL, PARLEY_USER, PARLEY_TOKEN, PARLEY_CONTEXT), which overrides the selected
context (parley context --help), which overrides the default.`;
  return `
${sources} You sign in with a token or a
password: PARLEY_PASSWORD, --password-stdin, or a prompt. If you give neither, a demo account of the server is used.`;
}

/** Adds the flags for the server and the user to `command`. */
export function addTargetFlags(command: Command, { conversation = true } = {}): Command {
  const option = (flags: string, about: string) =>
    command.addOption(command.createOption(flags, about).helpGroup("Server:"));
  option("--url <address>", `the server (default: ${DEFAULT_URL})`);
  option("--user <user>", "the user (default: that of the token)");
  option("--token <token>", "token of the user; PARLEY_TOKEN hides it from other users of this machine");
  option("--password-stdin", "read the password from standard input");
  if (conversation) option("--conversation <name>", "the conversation");
  option(
    "--context <context>",
    `use server, user${conversation ? ", token and conversation" : " and token"} of this context`,
  );
  return command.addHelpText("after", targetNote(conversation));
}

/** Reads flags, environment and contexts. Throws a `CliError` if a value is invalid; never prompts. */
export function loadTarget(flags: TargetFlags, env: NodeJS.ProcessEnv = process.env): Target {
  const named = flags.context ?? (env.PARLEY_CONTEXT || undefined);
  const contexts = readContexts(contextsPath(env));
  const name = named ?? contexts.selected;
  const context = name === undefined ? undefined : contextLayer(name, requireContext(contexts, name));
  const layers = [flagLayer(flags), environmentLayer(env), ...(context ? [context] : [])];
  // A context that is named by a flag overrides the environment, which was set earlier.
  if (context !== undefined && flags.context !== undefined) layers.splice(1, 2, context, layers[1]!);
  return resolve(layers);
}

/** Throws a `UsageError` if the conversation `name` is not valid, or `--conversation` names another one. */
export function checkConversation(name: string, { conversation }: TargetFlags): void {
  if (conversation !== undefined && name !== conversation)
    throw new UsageError(
      `Two conversations are given: ${JSON.stringify(name)} and --conversation. Give one.`,
    );
  if (!isIdentifier(name))
    throw new UsageError(`${JSON.stringify(name)} is not a valid conversation name: use ${IDENTIFIER_RULE}.`);
}

/** Parses the URL of a server. Throws a `CliError` if it is invalid. */
export function addressOf({ value, from }: ConfigValue): Address {
  const address = parseServerAddress(value);
  if (address !== undefined) return address;
  throw new UsageError(
    `${JSON.stringify(value)} (${from}) is not the URL of a server; give one such as ${DEFAULT_URL}.`,
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
        `${JSON.stringify(found.value)} (${found.from}) is not a valid ${field} name: use ${IDENTIFIER_RULE}.`,
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
 * Returns the first secret that may be sent to the server and belongs to the user of an earlier layer, if one names a user.
 * A token names its user, so later layers do not.
 */
function findIdentity(
  layers: readonly Layer[],
  { http }: Address,
): { user?: ConfigValue | undefined; secret?: CredentialSource | undefined } {
  let user: ConfigValue | undefined;
  for (const layer of layers) {
    const { token, password, passwordStdin } = layer;
    const belongsTo = (owner: string | undefined) =>
      user === undefined || owner === undefined || owner === user.value;
    const mayBeSent = !layer.isContext || parseServerAddress(layer.url!)?.http === http;
    if (token !== undefined && mayBeSent && belongsTo(layer.user ?? subjectOf(token)))
      return { user: user ?? findValue([layer], "user"), secret: { token, from: layer.name("token") } };
    const secret = passwordStdin
      ? { passwordStdin, from: "--password-stdin" }
      : password !== undefined && belongsTo(layer.user)
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
