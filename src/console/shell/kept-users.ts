// The users who are signed in on this page, by name, so that a reload can ask the server for their sessions. A name is no secret.
import { isIdentifier } from "../conversation-name.ts";
import type { LocalStore } from "../local-storage.ts";

/** The key in the storage of the tab. */
const USERS_KEY = "parley.users";

/** Most users who are signed in again after a reload: each costs a request. */
const MAX_USERS = 10;

export function readKeptUsers(store: LocalStore): readonly string[] {
  try {
    const users: unknown = JSON.parse(store.getItem(USERS_KEY) ?? "[]");
    const names = Array.isArray(users) ? (users as unknown[]) : [];
    return names
      .filter((name) => typeof name === "string" && isIdentifier(name))
      .slice(0, MAX_USERS) as string[];
  } catch {
    return [];
  }
}

/** Without storage a reload asks for the password. */
export function keepUsers(store: LocalStore, users: readonly string[]): void {
  try {
    if (users.length === 0) store.removeItem(USERS_KEY);
    else store.setItem(USERS_KEY, JSON.stringify([...new Set(users)]));
  } catch {}
}
