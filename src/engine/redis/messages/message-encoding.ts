import { createHash } from "node:crypto";
import type { OwnReactions } from "../../../core/changes/message-state.ts";
import { type Entry, kindOf, letterOf } from "../../../core/conversation/entry.ts";
import type { PostRequest } from "../../../core/ports/message-log.ts";
import type { Quota } from "../../../protocol/server-frames.ts";

/** Names up to this length are used as they are, because a digest would save no memory. */
const MAX_PLAIN_KEY_LENGTH = 40;

/**
 * Returns a short name for the `id` of `owner`: both as they are if they are short, else 128 bits of their SHA-256, so that an
 * attacker cannot prepare two ids with the same name. Owners have no space and no `#`, so different ids get different names.
 */
export function dedupeKey(owner: string, id: string): string {
  const name = `${owner} ${id}`;
  if (name.length <= MAX_PLAIN_KEY_LENGTH) return name;
  return `#${createHash("sha256").update(name).digest("base64url").slice(0, 22)}`;
}

/** The separator between the fields of a record: identifiers, ids and JSON contain no unescaped tab. */
const TAB = "\t";

/**
 * Returns an entry as Redis stores and announces it: the kind, the sender, the `id` and the body, with tabs between them. It does
 * not have `seq` and time, which the store assigns. Scripts do not read it; nodes read only the short fields before the body.
 */
export function encodeRecord({
  kind,
  user,
  id,
  body,
}: Pick<PostRequest, "kind" | "user" | "id" | "body"> & Partial<PostRequest>): string {
  // A sum of strings would be copied once more before it is sent.
  return [letterOf(kind), user, id, body].join(TAB);
}

/** Returns the entry of a record. Throws if its kind is not known. */
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

/** Returns the entries of a list of `conversation_read` (lua/messages/conversation.lua): lines of `<seq> <at> <record>`. */
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

/** Returns the entries of a history list: before them are lines of `changes_own` (lua/changes/present.lua). */
export function decodeHistory(list: string): {
  readonly entries: readonly Entry[];
  readonly mine?: OwnReactions;
} {
  if (!list.startsWith("=")) return { entries: decodeList(list) };
  const lines = list.split("\n");
  const count = lines.findIndex((line) => !line.startsWith("="));
  const mine = decodeOwnLines(lines.slice(0, count));
  return { entries: decodeList(lines.slice(count).join("\n")), mine };
}

/** Reads lines "=seq reactions" of `changes_own` (lua/changes/present.lua). */
export function decodeOwnLines(lines: readonly string[]): OwnReactions {
  const mine = lines.map((line): [number, readonly string[]] => {
    const end = line.indexOf(" ");
    return [Number(line.slice(1, end)), JSON.parse(line.slice(end + 1))];
  });
  return new Map(mine.sort(([one], [other]) => one - other));
}

/** Returns the stored entry of a request. */
export function entryOf({ kind, id, user, body }: PostRequest, seq: number, at: number): Entry {
  return { kind, seq, id, from: user, at, body };
}

/** An announcement on a conversation's channel: the entries with first ≤ seq ≤ last, which were stored together. */
export interface Announcement {
  readonly epoch: string;
  readonly first: number;
  readonly last: number;
  /** The time when they were stored, in milliseconds since 1970. */
  readonly at: number;
  /** One record on each line. They are decoded only if this node does not have the entries yet. */
  readonly records: string;
  /** The newest change when they were stored; 0 for none. */
  readonly rev: number;
}

/** Decodes the first line, `<epoch> <first> <last> <at>`, and `<rev>` where there are changes, and returns the lines after it as the records. */
export function decodeAnnouncement(payload: string): Announcement {
  const end = payload.indexOf("\n");
  const [epoch, first, last, at, rev = 0] = payload.slice(0, end).split(" ");
  return {
    epoch: epoch!,
    first: Number(first),
    last: Number(last),
    at: Number(at),
    records: payload.slice(end + 1),
    rev: Number(rev),
  };
}

/**
 * Returns the quota that the user is shown (Q3), for `used` requests in the last hour, of which the newest is an hour old in
 * `reset` milliseconds. Null if `limit` is 0, because then nothing is counted.
 */
export function quotaView(limit: number, used: number, reset: number): Quota | null {
  return limit === 0 ? null : quotaLeft(limit, used, reset);
}

/** Returns the same for a `limit` above 0. */
export function quotaLeft(limit: number, used: number, reset: number): Quota {
  return { limit, remaining: Math.max(0, limit - used), reset: reset / 1000 };
}
