import { randomBytes } from "node:crypto";
import { subjectOf } from "../../client/connection/token.ts";
import { type SigningKey, sign } from "../../conformance/token-signer.ts";
import type { Recording, CredentialKind as Shown } from "../../scenario/format/recording.ts";
import { UsageError } from "../cli-error.ts";
import { fetchServer, readJsonObject, type Credential as SignedIn, signIn } from "../server/sign-in.ts";
import type { Target } from "../server/target.ts";
import type { RunIdentities } from "./identities.ts";

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

export interface TokenDeps {
  readonly target: Target;
  /** Signs tokens for whoever is needed. */
  readonly key?: SigningKey | undefined;
  /** Who has signed in for an earlier file, by user: a sign-in takes the server 200 ms, and an address has 600 a minute (SEC-S3). */
  readonly signedIn: Map<string, SignedIn>;
  readonly env?: NodeJS.ProcessEnv;
}

/** Signs every part in before the run begins, one after the other: somebody may have to be asked for a password. */
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
    // Its first token is the one that there is; the second one is another.
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
          return forged(identities.userOf.get(client)!);
        case "foreign": {
          const user = identities.userOf.get(client);
          const other = recording.clients.find(
            ({ name }) => identities.userOf.get(name) !== user && tokens.has(name),
          );
          if (other !== undefined) return own(other.name);
          throw new UsageError(
            `${client} shows a token of somebody else, and there is nobody else in the file.`,
          );
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

/** Whether a client ever shows who it is: one that only knocks at somebody's address need not be anybody. */
function needsOwnToken({ entries }: Recording, client: string): boolean {
  return entries.some((entry) => {
    if (entry.client !== client) return false;
    if (entry.dir === "line" && entry.event === "open")
      return !["none", "foreign", "wrong"].includes(entry.token ?? "own");
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

/** A token as a server would sign it for `user`, with a key that no server has. */
function forged(user: string): string {
  return sign({ secret: randomBytes(32).toString("base64"), issuer: "parley", audience: "parley" }, user);
}
