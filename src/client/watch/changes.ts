// What the changes that the server sends make of an entry.
import type { Message } from "../message.ts";
import type { Change } from "../types/frames.ts";
import type { Entry } from "./entry.ts";

export const NONE: readonly string[] = [];

/** Applies a change to the entry of its message; one that the entry has already gives the same entry. `user` is this user. */
export function applyChange(entry: Entry, change: Change, user: string): Entry {
  if (change.rev <= (entry.rev ?? 0)) return entry;
  const { key, state, own, seq, id, from, at, myReactions } = entry;
  // A fold is all that the message has now.
  const base = change.kind === "fold" ? { key, state, own, seq, id, from, at, myReactions } : entry;
  const next = copySet(base as Entry, change.set);
  return { ...next, rev: change.rev, myReactions: myReactionsOf(next, change, user) };
}

/** Copies each field of `set` over the entry's; `null` drops one. Names of any kind are fields like all others, also `__proto__`. */
export function copySet(entry: Entry, set: Change["set"]): Entry {
  const { reactions, ...fields } = set as { reactions?: Message["reactions"] | null };
  const all: Record<string, unknown> = { ...entry, ...fields };
  if (reactions !== undefined) all.reactions = reactions && counted({ ...entry.reactions, ...reactions });
  return without(all, (value) => value === null || value === undefined) as unknown as Entry;
}

/** Returns the reactions that somebody has; undefined if there are none. */
function counted(reactions: NonNullable<Message["reactions"]>): Message["reactions"] {
  const left = without(reactions, ({ count }) => count === 0);
  return Object.keys(left).length === 0 ? undefined : left;
}

/** `Object.fromEntries` makes own fields of all names, which an assignment does not. */
function without<T>(
  fields: Readonly<Record<string, T>>,
  isDropped: (value: T) => boolean,
): Record<string, T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isDropped(value)));
}

function myReactionsOf(next: Entry, { kind, by, set, mine }: Change, user: string): readonly string[] {
  const reactions = new Map(Object.entries(next.reactions ?? {}));
  let names = mine ?? next.myReactions;
  if (kind === "react" && by === user)
    for (const [name, { users = NONE }] of Object.entries(
      (set.reactions ?? {}) as NonNullable<Message["reactions"]>,
    ))
      names = users.includes(user) ? [...names, name] : names.filter((one) => one !== name);
  // What is gone for all is gone for this user; of a few, `users` names all.
  const left = [...new Set(names)].filter((name) => {
    const { count = 0, users = NONE } = reactions.get(name) ?? {};
    return count > users.length || users.includes(user);
  });
  return left.length === 0 ? NONE : left;
}

/** Returns the entry of a message. `mine`: this user's own reactions. */
export function storedEntry({ mine = NONE, ...message }: Message, key: string, user: string): Entry {
  return { ...message, key, state: "stored", own: message.from === user, myReactions: mine };
}
