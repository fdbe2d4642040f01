import { randomBytes } from "node:crypto";
import { subjectOf } from "../../client/line/token.ts";
import { type SigningKey, sign } from "../../conformance/token-signer.ts";
import type { CredentialKind, Recording } from "../../scenario/format/recording.ts";
import { UsageError } from "../cli-error.ts";
import { type Credential, fetchServer, readJsonObject, signIn } from "../server/sign-in.ts";
import type { Target } from "../server/target.ts";
import type { RunIdentities } from "./identities.ts";

/** The tokens of a run, by the client's name. */
export interface Tokens {
  own(client: string): string;
  /** Returns a newer token, for `token` frames; the same one if no newer one is available. */
  newer(client: string): string;
  /**
   * Returns the token with which a connection is opened; undefined: none. Throws a `UsageError` if no token of that kind is
   * available. Without the server's key, an expired token is requested from a server with fault injection, for a
   * `connection` of the same user.
   */
  forConnection(
    client: string,
    kind: CredentialKind,
    connection: string | undefined,
  ): string | undefined | Promise<string>;
}

export interface TokenDeps {
  readonly target: Target;
  /** Signs tokens for any user. */
  readonly key?: SigningKey | undefined;
  /** By user: credentials from an earlier file. A sign-in takes the server 200 ms, and an address may make 600 a minute (SEC-S3). */
  readonly signedIn: Map<string, Credential>;
  readonly env?: NodeJS.ProcessEnv;
}

/** Signs in all users before the run begins, one after the other, because a password prompt may be needed. */
export async function findTokens(
  recording: Recording,
  identities: RunIdentities,
  { target, key, signedIn, env = process.env }: TokenDeps,
): Promise<Tokens> {
  const renews = (client: string) =>
    recording.entries.some(
      (entry) => entry.dir === "out" && entry.client === client && entry.frame?.type === "token",
    );
  const tokens = new Map<string, { readonly own: string; readonly newer: string }>();
  for (const { name } of recording.clients.filter((client) => needsOwnToken(recording, client.name))) {
    const user = identities.userOf.get(name)!;
    const given = identities.givenTokens.get(name);
    if (given !== undefined) tokens.set(name, { own: given, newer: given });
    else if (key !== undefined) tokens.set(name, { own: sign(key, user), newer: sign(key, user) });
    else tokens.set(name, await requestTokens(user, renews(name)));
  }

  async function requestTokens(user: string, isRenewed: boolean): Promise<{ own: string; newer: string }> {
    const named = { ...target, user: { value: user, from: "the recording" } };
    const credential =
      signedIn.get(user) ?? (await signIn({ ...named, secret: secretOf(user, target, env) }));
    signedIn.set(user, credential);
    const own = await credential.token();
    if (!isRenewed || typeof credential.source !== "function") return { own, newer: own };
    // The first call returns the current token, the second one a newer one.
    await credential.source();
    return { own, newer: (await credential.source()) ?? own };
  }

  async function requestExpired(client: string, connection: string | undefined): Promise<string> {
    const headers = { Authorization: `Bearer ${own(client)}`, "Content-Type": "application/json" };
    const body = JSON.stringify({ connection, fault: { do: "expired_token" } });
    const reply =
      connection === undefined
        ? {}
        : await readJsonObject(await fetchServer(target, "/test/faults", { method: "POST", headers, body }));
    if ("token" in reply && typeof reply.token === "string") return reply.token;
    throw new UsageError(
      `${client} needs an expired token. Give the server's key with --secret-key-file, or use a server with TEST_FAULTS=true, which issues one to a user with an open connection.`,
    );
  }

  const own = (client: string) => tokens.get(client)!.own;
  return {
    own,
    newer: (client) => tokens.get(client)!.newer,
    forConnection(client, kind, connection) {
      switch (kind) {
        case "own":
          return own(client);
        case "none":
          return undefined;
        case "wrong":
          return forged(identities.userOf.get(client)!);
        case "foreign": {
          const user = identities.userOf.get(client);
          const other = recording.clients.find(
            ({ name }) => identities.userOf.get(name) !== user && tokens.has(name),
          );
          if (other !== undefined) return own(other.name);
          throw new UsageError(`${client} needs the token of another user, but the file has no other user.`);
        }
        case "expired": {
          const end = Math.floor(Date.now() / 1000) - 3600;
          if (key !== undefined)
            return sign(key, identities.userOf.get(client)!, { iat: end - 1800, exp: end });
          return requestExpired(client, connection);
        }
        default:
          return kind satisfies never;
      }
    },
  };
}

/** Whether a client ever uses its own token: one that only tries to connect without or with a wrong token does not. */
function needsOwnToken({ entries }: Recording, client: string): boolean {
  return entries.some((entry) => {
    if (entry.client !== client) return false;
    if (entry.dir === "line" && entry.event === "open")
      return !["none", "foreign", "wrong"].includes(entry.token ?? "own");
    return entry.dir === "fault" || (entry.dir === "out" && entry.frame?.type === "token");
  });
}

/** Returns the user's secret: the password of this user, or the target's secret if it belongs to the user or to all users. */
function secretOf(user: string, target: Target, env: NodeJS.ProcessEnv): Target["secret"] {
  const name = passwordVariable(user);
  const password = env[name];
  if (password) return { password, from: name };
  const { secret } = target;
  if (secret === undefined || !("token" in secret)) return secret;
  return (subjectOf(secret.token) ?? target.user?.value) === user ? secret : undefined;
}

/** Returns `PARLEY_PASSWORD_ANN_EXAMPLE_COM` for ann@example.com. */
export function passwordVariable(user: string): string {
  return `PARLEY_PASSWORD_${user.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;
}

/** Returns a token for `user` that is signed with a random key. */
function forged(user: string): string {
  return sign({ secret: randomBytes(32).toString("base64"), issuer: "parley", audience: "parley" }, user);
}
