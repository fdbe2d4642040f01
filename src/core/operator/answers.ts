// What an operator's program is answered: the data of the wire, with times by the rules of the protocol (N1).
import type { ApiKey } from "../access/api-keys.ts";
import type { NodeEntry } from "../nodes.ts";
import type { StoredApiKey } from "../ports/access/api-keys.ts";
import type { Account } from "../ports/accounts.ts";
import type { Revocation } from "../ports/revocations.ts";
import type { StoreSize } from "../ports/store.ts";

export function userAnswer({ user, plan, disabled, demo, passwordHash, createdAt }: Account) {
  return { user, plan, disabled, demo, password: passwordHash !== "", at: createdAt };
}

/** `now` is the store's time, in milliseconds since 1970. */
export function nodeAnswer({ id, url, version, startedAt, connections, lag, until }: NodeEntry, now: number) {
  return {
    node: id,
    ...(url !== "" && { url }),
    version,
    at: startedAt,
    connections,
    lag: lag / 1000,
    lease: Math.max(0, until - now) / 1000,
  };
}

export function apiKeyAnswer(key: ApiKey | StoredApiKey) {
  const { name, rights, conversations } = key;
  return {
    name,
    rights: [...rights],
    ...(conversations !== undefined && { conversations: [...conversations] }),
    ...("createdAt" in key
      ? { at: key.createdAt, ...(key.by !== undefined && { by: key.by }) }
      : { setting: true as const }),
  };
}

export function revocationAnswer(revocation: Revocation) {
  return "tokenId" in revocation ? { token_id: revocation.tokenId } : revocation;
}

export function storeAnswer({ engine, bytes, accounts, conversations, messages }: StoreSize) {
  return {
    engine,
    ...(bytes !== undefined && { bytes }),
    accounts,
    ...(conversations !== undefined && { conversations }),
    ...(messages !== undefined && { messages }),
  };
}
