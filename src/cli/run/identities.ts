import { randomBytes } from "node:crypto";
import { subjectOf } from "../../client/connection/token.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import type { IdentityMapping } from "../../scenario/compare/name-mapping.ts";
import type { RecordedClient, Recording } from "../../scenario/format/recording.ts";
import { UsageError } from "../cli-error.ts";

/** What the flags say of who plays whom, and where; each as it was given: `value` or `name=value`. */
export interface IdentityFlags {
  readonly user: readonly string[];
  readonly token: readonly string[];
  readonly conversation: readonly string[];
}

/** The parts of one file in this run. */
export interface RunIdentities extends IdentityMapping {
  /** By the client's name: the user who plays it. */
  readonly userOf: ReadonlyMap<string, string>;
  /** By the client's name: a token that was given for it. */
  readonly givenTokens: ReadonlyMap<string, string>;
}

/** Room that a name of a run's own conversation leaves for what is added, of the 128 characters that there may be. */
const MAX_NAME_LENGTH = 100;

/**
 * Reads the flags for one recording. Without any each client is the user of the recording, and a conversation is a new
 * one each time: what is left of earlier runs, or said by others, is not in it.
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
        `Several clients are ${user} in the file, ${name} is one: they must all be played by one user, not by ${users.get(user)} and ${runUser}.`,
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
        `The file has the conversations ${recorded.join(", ")}: say which, as in --conversation ${recorded[0]}=${value}.`,
      );
    if (name !== undefined && !recorded.includes(name))
      throw new UsageError(`There is no conversation ${name} in the file; there are ${recorded.join(", ")}.`);
    conversations.set(name ?? recorded[0]!, requireIdentifier("conversation", value));
  }
  const isGiven = conversations.size > 0;
  for (const name of recorded)
    if (!conversations.has(name) && isIdentifier(name))
      conversations.set(name, `${name.slice(0, MAX_NAME_LENGTH)}.run-${runId}`);
  // An id that the conversation has had would be taken for a repeat.
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
          `A token is of ${subject ?? "nobody"}, who plays no part: say whom, as in --token ${clients[0]!.name}=…`,
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
      `The file has the clients ${clients.map((client) => client.name).join(", ")}: say which, as in ${flag} ${clients[0]!.name}=${value}.`,
    );
  });
}

function requireClient(clients: readonly RecordedClient[], name: string, flag: string): string {
  if (clients.some((client) => client.name === name)) return name;
  const names = clients.map((client) => client.name).join(", ");
  throw new UsageError(`${flag} ${name}=…: there is no client ${name} in the file; there are ${names}.`);
}

function splitFlag(text: string): readonly [string | undefined, string] {
  const at = text.indexOf("=");
  return at < 0 ? [undefined, text] : [text.slice(0, at), text.slice(at + 1)];
}

function requireIdentifier(what: string, name: string): string {
  if (isIdentifier(name)) return name;
  throw new UsageError(`${JSON.stringify(name)} cannot be a ${what}: use ${IDENTIFIER_RULE}.`);
}
