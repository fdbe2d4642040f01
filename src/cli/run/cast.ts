import { randomBytes } from "node:crypto";
import { subjectOf } from "../../client/token.ts";
import { type SigningKey, sign } from "../../conformance/signer.ts";
import { isIdentifier } from "../../protocol/identifiers.ts";
import type { Cast } from "../../scenario/names.ts";
import type { RecordedClient, Recording, Credential as Shown } from "../../scenario/recording.ts";
import { Misuse } from "../failure.ts";
import { reach, readObject, signIn } from "../sign-in.ts";
import type { Target } from "../target.ts";

/** What the flags say of who plays whom, and where; each as it was given: `value` or `name=value`. */
export interface CastFlags {
  readonly user: readonly string[];
  readonly token: readonly string[];
  readonly conversation: readonly string[];
}

/** The parts of one file in this run. */
export interface Casting extends Cast {
  /** By the client's name: the user who plays it. */
  readonly userOf: ReadonlyMap<string, string>;
  /** By the client's name: a token that was given for it. */
  readonly given: ReadonlyMap<string, string>;
}

/** Room that a name of a run's own conversation leaves for what is added, of the 128 characters that there may be. */
const NAME_ROOM = 100;

/**
 * Reads the flags for one recording. Without any each client is the user of the recording, and a conversation is a new
 * one each time: what is left of earlier runs, or said by others, is not in it.
 */
export function castOf(
  recording: Recording,
  flags: CastFlags,
  run: string = randomBytes(4).toString("hex"),
): Casting {
  const { clients } = recording;
  const given = tokensOf(clients, flags.token);
  const userOf = new Map(clients.map(({ name, user }) => [name, user]));
  for (const [name, user] of namedClients(clients, flags.user, "--user"))
    userOf.set(name, checked("user", user));
  for (const [name, token] of given) {
    const subject = subjectOf(token);
    const wasGiven = flags.user.some((text) => !text.includes("=") || text.startsWith(`${name}=`));
    if (subject !== undefined && !wasGiven) userOf.set(name, subject);
  }
  return {
    userOf,
    given,
    users: usersOf(clients, userOf),
    ...conversationsOf(clients, flags.conversation, run),
  };
}

function usersOf(
  clients: readonly RecordedClient[],
  userOf: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const { name, user } of clients) {
    const plays = userOf.get(name)!;
    if ((users.get(user) ?? plays) !== plays)
      throw new Misuse(
        `Several clients are ${user} in the file, ${name} is one: they must all be played by one user, not by ${users.get(user)} and ${plays}.`,
      );
    users.set(user, plays);
  }
  return users;
}

function conversationsOf(
  clients: readonly RecordedClient[],
  flags: readonly string[],
  run: string,
): Pick<Cast, "conversations" | "idSuffix"> {
  const recorded = [...new Set(clients.map(({ conversation }) => conversation))];
  const conversations = new Map<string, string>();
  for (const text of flags) {
    const [name, value] = split(text);
    if (name === undefined && recorded.length > 1)
      throw new Misuse(
        `The file has the conversations ${recorded.join(", ")}: say which, as in --conversation ${recorded[0]}=${value}.`,
      );
    if (name !== undefined && !recorded.includes(name))
      throw new Misuse(`There is no conversation ${name} in the file; there are ${recorded.join(", ")}.`);
    conversations.set(name ?? recorded[0]!, checked("conversation", value));
  }
  const isGiven = conversations.size > 0;
  for (const name of recorded)
    if (!conversations.has(name) && isIdentifier(name))
      conversations.set(name, `${name.slice(0, NAME_ROOM)}.run-${run}`);
  // An id that the conversation has had would be taken for a repeat.
  return { conversations, ...(isGiven && { idSuffix: run }) };
}

function tokensOf(clients: readonly RecordedClient[], flags: readonly string[]): Map<string, string> {
  const tokens = new Map<string, string>();
  for (const text of flags) {
    const [name, token] = split(text);
    const subject = subjectOf(token);
    if (name !== undefined) tokens.set(known(clients, name, "--token"), token);
    else if (clients.length === 1) tokens.set(clients[0]!.name, token);
    else {
      const own = clients.filter(({ user }) => user === subject);
      if (own.length === 0)
        throw new Misuse(
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
    const [name, value] = split(text);
    if (name !== undefined) return [[known(clients, name, flag), value] as const];
    if (new Set(clients.map(({ user }) => user)).size === 1)
      return clients.map((client) => [client.name, value] as const);
    throw new Misuse(
      `The file has the clients ${clients.map((client) => client.name).join(", ")}: say which, as in ${flag} ${clients[0]!.name}=${value}.`,
    );
  });
}

function known(clients: readonly RecordedClient[], name: string, flag: string): string {
  if (clients.some((client) => client.name === name)) return name;
  const names = clients.map((client) => client.name).join(", ");
  throw new Misuse(`${flag} ${name}=…: there is no client ${name} in the file; there are ${names}.`);
}

function split(text: string): readonly [string | undefined, string] {
  const at = text.indexOf("=");
  return at < 0 ? [undefined, text] : [text.slice(0, at), text.slice(at + 1)];
}

function checked(what: string, name: string): string {
  if (isIdentifier(name)) return name;
  throw new Misuse(
    `${JSON.stringify(name)} cannot be a ${what}: use 1–128 characters of A-Z a-z 0-9 . _ : @ -.`,
  );
}

/** The tokens of a run, by the client's name. */
export interface Tokens {
  own(client: string): string;
  /** A newer one, for `token` frames; the same one where no other could be had. */
  newer(client: string): string;
  /**
   * The one that a line is opened with; undefined: none. Throws a Misuse where there is none of that kind. An expired
   * one without the server's key is asked of a server that makes faults, for a `connection` of the same user.
   */
  forLine(client: string, kind: Shown, connection: string | undefined): string | undefined | Promise<string>;
}

export interface TokenNeeds {
  readonly target: Target;
  /** Signs tokens for whoever is needed. */
  readonly key?: SigningKey | undefined;
  readonly env?: NodeJS.ProcessEnv;
}

/** Signs every part in before the run begins, one after the other: somebody may have to be asked for a password. */
export async function findTokens(
  recording: Recording,
  casting: Casting,
  { target, key, env = process.env }: TokenNeeds,
): Promise<Tokens> {
  const renews = new Set(
    recording.entries.flatMap(({ dir, client, ...entry }) =>
      dir === "out" && "frame" in entry && entry.frame?.type === "token" ? [client] : [],
    ),
  );
  const tokens = new Map<string, { readonly own: string; readonly newer: string }>();
  const byUser = new Map<string, { readonly own: string; readonly newer: string }>();
  for (const { name } of recording.clients.filter((client) => needsOwn(recording, client.name))) {
    const user = casting.userOf.get(name)!;
    const given = casting.given.get(name);
    const had = given === undefined ? byUser.get(user) : { own: given, newer: given };
    const found = had ?? (key && { own: sign(key, user), newer: sign(key, user) }) ?? (await ask(user));
    tokens.set(name, found);
    if (given === undefined) byUser.set(user, found);
  }

  async function ask(user: string): Promise<{ own: string; newer: string }> {
    const secret = secretOf(user, target, env);
    const credential = await signIn({ ...target, user: { value: user, from: "the recording" }, secret });
    const own = await credential.token();
    const mayRenew = typeof credential.source === "function" && renews.size > 0;
    if (!mayRenew || typeof credential.source !== "function") return { own, newer: own };
    await credential.source();
    return { own, newer: (await credential.source()) ?? own };
  }

  async function askExpired(client: string, connection: string | undefined): Promise<string> {
    const headers = { Authorization: `Bearer ${own(client)}`, "Content-Type": "application/json" };
    const body = JSON.stringify({ connection, fault: { do: "expired_token" } });
    const answer =
      connection === undefined
        ? {}
        : await readObject(await reach(target, "/test/faults", { method: "POST", headers, body }));
    if ("token" in answer && typeof answer.token === "string") return answer.token;
    throw new Misuse(
      `${client} shows an expired token. Give the server's key with --secret-key-file; a server with TEST_FAULTS=true makes one, for a user who has an open line.`,
    );
  }

  const own = (client: string) => tokens.get(client)!.own;
  return {
    own,
    newer: (client) => tokens.get(client)!.newer,
    forLine(client, kind, connection) {
      switch (kind) {
        case "own":
          return own(client);
        case "none":
          return undefined;
        case "wrong":
          return damaged(own(client));
        case "foreign": {
          const user = casting.userOf.get(client);
          const other = recording.clients.find(
            ({ name }) => casting.userOf.get(name) !== user && tokens.has(name),
          );
          if (other !== undefined) return own(other.name);
          throw new Misuse(`${client} shows a token of somebody else, and there is nobody else in the file.`);
        }
        case "expired": {
          const end = Math.floor(Date.now() / 1000) - 3600;
          if (key !== undefined) return sign(key, casting.userOf.get(client)!, { iat: end - 1800, exp: end });
          return askExpired(client, connection);
        }
        default:
          return kind satisfies never;
      }
    },
  };
}

/** Whether a client ever shows who it is: one that only knocks at somebody's address need not be anybody. */
function needsOwn({ entries }: Recording, client: string): boolean {
  return entries.some((entry) => {
    if (entry.client !== client) return false;
    if (entry.dir === "line" && entry.event === "open")
      return !["none", "foreign"].includes(entry.token ?? "own");
    return entry.dir === "fault" || (entry.dir === "out" && entry.frame?.type === "token");
  });
}

/** What shows who `user` is: a password of the user's own, or what the target has, be it theirs or for everybody. */
function secretOf(user: string, target: Target, env: NodeJS.ProcessEnv): Target["secret"] {
  const name = passwordVariable(user);
  const password = env[name];
  if (password) return { password, from: name };
  const { secret } = target;
  if (secret === undefined || !("token" in secret)) return secret;
  return (subjectOf(secret.token) ?? target.user?.value) === user ? secret : undefined;
}

/** `PARLEY_PASSWORD_ANN_EXAMPLE_COM` for ann@example.com. */
export function passwordVariable(user: string): string {
  return `PARLEY_PASSWORD_${user.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;
}

/** A token whose signature is another one. */
function damaged(token: string): string {
  const at = token.lastIndexOf(".") + 1;
  const other = token[at] === "A" ? "B" : "A";
  return `${token.slice(0, at)}${other}${token.slice(at + 1)}`;
}
