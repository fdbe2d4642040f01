import type { Right } from "./grants.ts";

/** A key by which a program of the operator's may use the HTTP verbs: an entry of API_KEYS. */
export interface ApiKey {
  /** The log names the key by this; two keys may share one while the one replaces the other. */
  readonly name: string;
  /** SHA-256 of the whole key, in hex. The key itself is nowhere on the server. */
  readonly hash: string;
  readonly rights: readonly Right[];
}

/** The ways to write rights in an entry. */
export const RIGHTS_BY_NAME: ReadonlyMap<string, readonly Right[]> = new Map([
  ["read", ["read"]],
  ["write", ["write"]],
  ["read+write", ["read", "write"]],
]);
