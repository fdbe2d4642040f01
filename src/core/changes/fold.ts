// What a returning client has missed of the changes, summed up (CH2).
import { MAX_FOLDS } from "../../protocol/limits.ts";
import type { Entry } from "../conversation/entry.ts";
import { relationOf } from "../conversation/epoch.ts";
import { ERASED_USER } from "../person/erased-user.ts";

/** A message that was changed, as it is now. */
export interface ChangedEntry {
  readonly entry: Entry;
  /** Its newest change, and when that was made, in milliseconds since 1970. */
  readonly rev: number;
  readonly changedAt: number;
  /** The asking user's own reactions. Missing where nobody asks, or where there are none. */
  readonly mine?: readonly string[];
}

/** Most bytes of bodies in the changes that a returning client is sent; beyond them it reads the messages again. */
export const MAX_FOLD_BYTES = 1024 * 1024;

/** Which of its messages a returning client has, and the newest change that it knows. */
export interface FoldRequest {
  readonly rev: number | undefined;
  readonly epoch: string | undefined;
  /** The oldest `seq` that it holds; undefined: all. */
  readonly oldest: number | undefined;
  /** The newest `seq` that it holds. */
  readonly after: number | undefined;
}

/** Changes of messages `first` ≤ seq ≤ `last` after the change `after`, of which at most `count` are sent. */
export interface FoldPlan {
  readonly after: number;
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

/** Decides which changes a client missed; undefined for none, also where it does not say what it knows. */
export function planFold(
  request: FoldRequest | undefined,
  head: { readonly rev: number; readonly epoch: string },
): FoldPlan | undefined {
  const { rev, epoch, after, oldest = 1 } = request ?? {};
  if (rev === undefined || after === undefined || after < oldest || rev >= head.rev) return undefined;
  if (epoch !== undefined && relationOf(epoch, head.epoch) !== "same") return undefined;
  return { after: rev, first: oldest, last: after, count: MAX_FOLDS };
}

/** A `change` frame of the kind `fold`: the message as it is now. Without `mine` the receiver's own reactions stay as it knows them. */
export function encodeFold({ entry, rev, changedAt, mine }: ChangedEntry): string {
  const { rev: _, ...content } = JSON.parse(`{${entry.body}}`) as { rev?: number };
  // A client that holds the message still has the name of a sender that was erased.
  const sender = entry.from === ERASED_USER ? { from: entry.from, id: entry.id } : {};
  const set = { ...sender, ...content };
  const own = mine === undefined ? {} : { mine };
  return JSON.stringify({ type: "change", rev, seq: entry.seq, kind: "fold", at: changedAt, set, ...own });
}

/** A change as every connection in the conversation is sent it. `set` is JSON. */
export interface AnnouncedChange {
  readonly rev: number;
  readonly seq: number;
  readonly kind: "edit" | "erase" | "react";
  readonly by: string;
  readonly at: number;
  readonly set: string;
}

/** The `change` frame of one change. */
export function encodeChange({ rev, seq, kind, by, at, set }: AnnouncedChange): string {
  return `{"type":"change","rev":${rev},"seq":${seq},"kind":"${kind}","by":"${by}","at":${at},"set":${set}}`;
}
