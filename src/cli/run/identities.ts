import { randomBytes } from "node:crypto";
import { subjectOf } from "../../client/line/token.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import type { IdentityMapping } from "../../scenario/compare/name-mapping.ts";
import type { RecordedClient, Recording } from "../../scenario/format/recording.ts";
import { UsageError } from "../cli-error.ts";

/** The flags for users, tokens and conversations, each as given: `value` or `name=value`. */
export interface IdentityFlags {
  readonly user: readonly string[];
  readonly token: readonly string[];
  readonly conversation: readonly string[];
}

/** The users and conversations of one file in this run. */
export interface RunIdentities extends IdentityMapping {
  /** By the client's name: its user in this run. */
  readonly userOf: ReadonlyMap<string, string>;
  /** By the client's name: its token from the flags. */
  readonly givenTokens: ReadonlyMap<string, string>;
}

/** Longest part of a conversation's name that is kept before the suffix of the run; names have at most 128 characters. */
const MAX_NAME_LENGTH = 100;

/**
 * Applies the flags to one recording. Without flags each client runs as the recorded user, and each conversation is a new
 * one, without messages of earlier runs or other users.
 */
export function resolveIdentities(
  recording: Recording,
  flags: IdentityFlags,
  runId: string = randomBytes(4).toString("hex"),
): RunIdentities {
  const { clients } = recording;
  const given = tokensOf(clients, flags.token);
  const userOf = new Map(clients.map(({ name, user }) => [name, user]));
  for (const [name, user] of namedClients(clients, flags.user, "--user"))
    userOf.set(name, requireIdentifier("user", user));
  for (const [name, token] of given) {
    const subject = subjectOf(token);
    const wasGiven = flags.user.some((text) => !text.includes("=") || text.startsWith(`${name}=`));
    if (subject !== undefined && !wasGiven) userOf.set(name, subject);
  }
  return {
    userOf,
    givenTokens: given,
    users: usersOf(clients, userOf),
    ...conversationsOf(clients, flags.conversation, runId),
  };
}

function usersOf(
  clients: readonly RecordedClient[],
  userOf: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const { name, user } of clients) {
    const runUser = userOf.get(name)!;
    if ((users.get(user) ?? runUser) !== runUser)
      throw new UsageError(
        `Several clients of the file, such as ${name}, are the user ${user}: give them all the same user, not ${users.get(user)} and ${runUser}.`,
      );
    users.set(user, runUser);
  }
  return users;
}

function conversationsOf(
  clients: readonly RecordedClient[],
  flags: readonly string[],
  runId: string,
): Pick<IdentityMapping, "conversations" | "idSuffix"> {
  const recorded = [...new Set(clients.map(({ conversation }) => conversation))];
  const conversations = new Map<string, string>();
  for (const text of flags) {
    const [name, value] = splitFlag(text);
    if (name === undefined && recorded.length > 1)
      throw new UsageError(
        `The file has the conversations ${recorded.join(", ")}: name one, as in --conversation ${recorded[0]}=${value}.`,
      );
    if (name !== undefined && !recorded.includes(name))
      throw new UsageError(`The file has no conversation ${name}; it has ${recorded.join(", ")}.`);
    conversations.set(name ?? recorded[0]!, requireIdentifier("conversation", value));
  }
  const isGiven = conversations.size > 0;
  for (const name of recorded)
    if (!conversations.has(name) && isIdentifier(name))
      conversations.set(name, `${name.slice(0, MAX_NAME_LENGTH)}.run-${runId}`);
  // An existing conversation would treat an id that it already has as a repeat.
  return { conversations, ...(isGiven && { idSuffix: runId }) };
}

function tokensOf(clients: readonly RecordedClient[], flags: readonly string[]): Map<string, string> {
  const tokens = new Map<string, string>();
  for (const text of flags) {
    const [name, token] = splitFlag(text);
    const subject = subjectOf(token);
    if (name !== undefined) tokens.set(requireClient(clients, name, "--token"), token);
    else if (clients.length === 1) tokens.set(clients[0]!.name, token);
    else {
      const own = clients.filter(({ user }) => user === subject);
      if (own.length === 0)
        throw new UsageError(
          `No client of the file is ${subject === undefined ? "the user of a given token" : subject}: name the client, as in --token ${clients[0]!.name}=…`,
        );
      for (const client of own) tokens.set(client.name, token);
    }
  }
  return tokens;
}

function namedClients(
  clients: readonly RecordedClient[],
  flags: readonly string[],
  flag: string,
): (readonly [string, string])[] {
  return flags.flatMap((text) => {
    const [name, value] = splitFlag(text);
    if (name !== undefined) return [[requireClient(clients, name, flag), value] as const];
    if (new Set(clients.map(({ user }) => user)).size === 1)
      return clients.map((client) => [client.name, value] as const);
    throw new UsageError(
      `The file has the clients ${clients.map((client) => client.name).join(", ")}: name one, as in ${flag} ${clients[0]!.name}=${value}.`,
    );
  });
}

function requireClient(clients: readonly RecordedClient[], name: string, flag: string): string {
  if (clients.some((client) => client.name === name)) return name;
  const names = clients.map((client) => client.name).join(", ");
  throw new UsageError(`${flag} ${name}=…: the file has no client ${name}; it has ${names}.`);
}

function splitFlag(text: string): readonly [string | undefined, string] {
  const index = text.indexOf("=");
  return index < 0 ? [undefined, text] : [text.slice(0, index), text.slice(index + 1)];
}

function requireIdentifier(what: string, name: string): string {
  if (isIdentifier(name)) return name;
  throw new UsageError(`${JSON.stringify(name)} is not a valid ${what} name: use ${IDENTIFIER_RULE}.`);
}
