// A message and its changes, computed the slow way: from the list of all changes, each time from the beginning.
import type { Change } from "../../../src/core/changes/decide-change.ts";

/** A change that was made. */
export interface MadeChange {
  readonly by: string;
  readonly at: number;
  readonly rev: number;
  readonly change: Change;
}

/** A message as the wire has it, without `seq`, `id`, `from` and `at`. Names of reactions are keys of a map. */
export interface WireMessage {
  [field: string]: unknown;
}

/** Returns what a message with this content is after the changes. */
export function presentOf(content: WireMessage, made: readonly MadeChange[]): WireMessage {
  const message: WireMessage = { ...content };
  const given: { name: string; user: string; rev: number }[] = [];
  for (const { by, at, rev, change } of made) {
    message.rev = rev;
    if (change.kind === "edit") {
      if (change.text !== undefined) message.text = change.text;
      if (change.data === null) delete message.data;
      else if (change.data !== undefined) message.data = JSON.parse(change.data);
      message.edited = { at, rev };
    } else if (change.kind === "erase") {
      message.text = "";
      delete message.data;
      given.length = 0;
      message.erased = { by, at, ...(change.reason !== undefined && { reason: change.reason }) };
    } else if (change.kind === "forget") {
      throw new Error("The model has no changes that the server makes by itself.");
    } else if (change.on) given.push({ name: change.reaction, user: by, rev });
    else
      given.splice(
        given.findIndex(({ name, user }) => name === change.reaction && user === by),
        1,
      );
  }
  const names = new Set(given.map(({ name }) => name));
  if (names.size > 0) {
    message.reactions = Object.fromEntries(
      [...names].map((name) => {
        const users = given.filter((one) => one.name === name).map(({ user }) => user);
        return [name, { count: users.length, users: users.toReversed().slice(0, 5) }];
      }),
    );
  }
  return message;
}

/** Applies the `set` of a frame as a client does: by copying. `isFold`: what it does not hold is dropped. */
export function applySet(held: WireMessage, set: WireMessage, isFold = false): WireMessage {
  const message = new Map<string, unknown>(isFold ? [] : Object.entries(held));
  for (const [field, value] of Object.entries(set)) {
    if (value === null) message.delete(field);
    else if (field !== "reactions") message.set(field, value);
    else {
      const reactions = new Map(Object.entries((message.get("reactions") ?? {}) as object));
      for (const [name, summary] of Object.entries(value as object)) {
        if (summary.count === 0) reactions.delete(name);
        else reactions.set(name, summary);
      }
      message.set("reactions", Object.fromEntries(reactions));
      if (reactions.size === 0) message.delete("reactions");
    }
  }
  return Object.fromEntries(message);
}
