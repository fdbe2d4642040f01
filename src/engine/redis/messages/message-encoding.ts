import { createHash } from "node:crypto";
import { type Entry, kindOf, letterOf } from "../../../core/conversation/entry.ts";
import type { PostRequest } from "../../../core/ports/message-log.ts";
import type { Quota } from "../../../protocol/server-frames.ts";

/** A name of this length is shorter than its digest would be worth. */
const MAX_PLAIN_KEY_LENGTH = 40;

/**
 * A short name for `id` as `owner` uses it: as it is where that is short, else 128 bits of SHA-256, so that an
 * attacker cannot prepare a name that collides with another one. Owners hold no space and no `#`, so no two names are equal.
 */
export function dedupeKey(owner: string, id: string): string {
  const name = `${owner} ${id}`;
  if (name.length <= MAX_PLAIN_KEY_LENGTH) return name;
  return `#${createHash("sha256").update(name).digest("base64url").slice(0, 22)}`;
}

/** Stands between the fields of a record: no identifier, no `id` and no JSON holds one as it is. */
const TAB = "\t";

/**
 * An entry as Redis stores and announces it, without its `seq` and time, which the store gives: `m`, the sender, the `id`
 * and the body, with tabs between them. Lua passes it on as it is; only the short fields before the body are ever read.
 */
export function encodeRecord({ kind, user, id, body }: PostRequest): string {
  return letterOf(kind) + TAB + user + TAB + id + TAB + body;
}

/** The entry of a record. Throws where its kind is not known. */
export function decodeRecord(record: string, seq: number, at: number): Entry {
  const afterKind = record.indexOf(TAB);
  const afterFrom = record.indexOf(TAB, afterKind + 1);
  const afterId = record.indexOf(TAB, afterFrom + 1);
  return {
    kind: kindOf(record.slice(0, afterKind)),
    seq,
    id: record.slice(afterFrom + 1, afterId),
    from: record.slice(afterKind + 1, afterFrom),
    at,
    body: record.slice(afterId + 1),
  };
}

/** The entries of a list that `conversation_read` of lua/messages/conversation.lua made: lines of `<seq> <at> <record>`. */
export function decodeList(list: string): Entry[] {
  if (list === "") return [];
  return list.split("\n").map((line) => {
    const afterSeq = line.indexOf(" ");
    const afterAt = line.indexOf(" ", afterSeq + 1);
    return decodeRecord(
      line.slice(afterAt + 1),
      Number(line.slice(0, afterSeq)),
      Number(line.slice(afterSeq + 1, afterAt)),
    );
  });
}

/** The entry that a request became. */
export function entryOf({ kind, id, user, body }: PostRequest, seq: number, at: number): Entry {
  return { kind, seq, id, from: user, at, body };
}

/** What is announced on a conversation's channel: the entries with first ≤ seq ≤ last, which were stored together. */
export interface Announcement {
  readonly epoch: string;
  readonly first: number;
  readonly last: number;
  /** When they were stored. */
  readonly at: number;
  /** One record on each line; they are read only where this node does not have the entries already. */
  readonly records: string;
}

/** Reads `<epoch> <first> <last> <at>` and splits off the records on the lines after it. */
export function decodeAnnouncement(payload: string): Announcement {
  const end = payload.indexOf("\n");
  const [epoch, first, last, at] = payload.slice(0, end).split(" ");
  return {
    epoch: epoch!,
    first: Number(first),
    last: Number(last),
    at: Number(at),
    records: payload.slice(end + 1),
  };
}

/**
 * What the user is shown (Q3): `used` requests lie in the hour, and the last leaves it in `reset` milliseconds. Null where
 * nothing is counted, because `limit` is 0.
 */
export function quotaView(limit: number, used: number, reset: number): Quota | null {
  return limit === 0 ? null : quotaLeft(limit, used, reset);
}

/** The same under a `limit` above 0. */
export function quotaLeft(limit: number, used: number, reset: number): Quota {
  return { limit, remaining: Math.max(0, limit - used), reset: reset / 1000 };
}
