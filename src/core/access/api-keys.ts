import type { Right } from "./grants.ts";

/** A key with which a program of the operator may use the HTTP routes: an entry of API_KEYS. */
export interface ApiKey {
  /** The name of the key in the log. Two keys may have the same name while one replaces the other. */
  readonly name: string;
  /** SHA-256 of the whole key, in hex. The key itself is not stored on the server. */
  readonly hash: string;
  readonly rights: readonly Right[];
}

/** The ways to write rights in an entry. */
export const RIGHTS_BY_NAME: ReadonlyMap<string, readonly Right[]> = new Map([
  ["read", ["read"]],
  ["write", ["write"]],
  ["manage", ["manage"]],
  ["read+write", ["read", "write"]],
  ["read+manage", ["read", "manage"]],
  ["write+manage", ["write", "manage"]],
  ["read+write+manage", ["read", "write", "manage"]],
]);
