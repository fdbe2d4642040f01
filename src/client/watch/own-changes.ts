// This user's own changes before the server sends them back: the list shows them as if they were made.
import type { Ack } from "../conversation/types.ts";
import type { ParleyError } from "../types/error.ts";
import type { Change } from "../types/frames.ts";
import type { Pending, PendingChange } from "../types/options.ts";
import { copySet, NONE } from "./changes.ts";
import type { Changing, Entry } from "./entry.ts";

/** A change of this user, as the list keeps it. */
export interface OwnChange extends Changing {
  /** The message; one that is not acked yet by its id. */
  readonly seq: number | string;
  /** When it was made, in milliseconds since 1970. */
  readonly at: number;
  /** Its number, once it is acked: it counts until the message has it. */
  readonly rev?: number | undefined;
  /** The request, to send it again. */
  readonly request: PendingChange;
}

type Changes = readonly OwnChange[];

/** Returns the changes with those that wait for their ack. */
export function withPending(changes: Changes, pending: readonly Pending[], at: number): Changes {
  const added = pending.flatMap((one) =>
    one.type === undefined || changes.some(({ id, state }) => id === one.id && state === "pending")
      ? []
      : [ownChange(one, at)],
  );
  const ids = added.map(({ id }) => id);
  return added.length === 0 ? changes : [...changes.filter(({ id }) => !ids.includes(id)), ...added];
}

/** Returns the changes after an ack: of one of them, or of the message that some of them are about. */
export function withAck(changes: Changes, { id, seq, rev }: Ack): Changes {
  return changes.flatMap((one) => {
    if (one.seq === id) return { ...one, seq };
    if (one.id !== id) return one;
    // One that changed nothing has no `rev`.
    return rev === undefined ? [] : { ...one, seq, rev };
  });
}

/** Returns the changes after a refusal of one; without a refusal its sender has cancelled it. */
export function withFailure(
  changes: Changes,
  request: PendingChange,
  error: ParleyError | undefined,
  at: number,
): Changes {
  const others = changes.filter(({ id }) => id !== request.id);
  return error === undefined ? others : [...others, { ...ownChange(request, at), state: "failed", error }];
}

/** Returns the changes that the entries do not have yet. One that is acked waits only where its message is shown. */
export function stillOpen(changes: Changes, entries: readonly Entry[]): Changes {
  const left = changes.filter(
    ({ rev, seq }) =>
      rev === undefined || entries.some((entry) => entry.seq === seq && (entry.rev ?? 0) < rev),
  );
  return left.length === changes.length ? changes : left;
}

function ownChange(request: PendingChange, at: number): OwnChange {
  const { id, type, seq, text, data, reason, reaction, on } = request;
  return { id, type, state: "pending", seq, text, data, reason, reaction, on, at, request };
}

/** Returns an entry as it is to be shown: as if the user's own changes that are pending were made. */
export function foreseen(entry: Entry, changes: readonly OwnChange[], user: string): Entry {
  const own = changes.filter((one) => isOf(one, entry));
  if (own.length === 0) return entry;
  const next = own.reduce(
    (before, one) => (one.state === "pending" ? foresee(before, one, user) : before),
    entry,
  );
  return {
    ...next,
    changing: own.map(({ seq: _, at: __, rev: ___, request: ____, ...changing }) => changing),
  };
}

function isOf({ seq }: OwnChange, entry: Entry): boolean {
  return seq === entry.seq || (entry.own && seq === entry.id);
}

function foresee(
  entry: Entry,
  { type, text, data, reason, reaction, on, at }: OwnChange,
  user: string,
): Entry {
  if (entry.erased !== undefined) return entry;
  if (type === "edit")
    return copySet(entry, {
      ...(text !== undefined && { text }),
      ...(data !== undefined && { data }),
    } as Change["set"]);
  if (type === "erase")
    return {
      ...copySet(entry, { text: "", data: null, reactions: null }),
      erased: { by: user, at, ...(reason !== undefined && { reason }) },
      myReactions: NONE,
    };
  const name = reaction!;
  if (entry.myReactions.includes(name) === on) return entry;
  const { count, users } = new Map(Object.entries(entry.reactions ?? {})).get(name) ?? {
    count: 0,
    users: [],
  };
  const others = users.filter((one) => one !== user);
  const summary = on
    ? { count: count + 1, users: [user, ...others].slice(0, 5) }
    : { count: Math.max(0, count - 1), users: others };
  return {
    ...copySet(entry, { reactions: Object.fromEntries([[name, summary]]) }),
    myReactions: on ? [...entry.myReactions, name] : entry.myReactions.filter((one) => one !== name),
  };
}
