import { createHash } from "node:crypto";
import type { PostRequest } from "../../../core/ports/message-log.ts";
import type { Message, Quota } from "../../../protocol/server-frames.ts";

/** A name of this length is shorter than its digest would be worth. */
const MAX_PLAIN_KEY_LENGTH = 40;

/**
 * A short name for `id` as `owner` uses it: as it is where that is short, else 128 bits of SHA-256, so that nobody can
 * prepare a name that falls on another one. Owners hold no space and no `#`, so no two names read the same.
 */
export function dedupeKey(owner: string, id: string): string {
  const name = `${owner} ${id}`;
  if (name.length <= MAX_PLAIN_KEY_LENGTH) return name;
  return `#${createHash("sha256").update(name).digest("base64url").slice(0, 22)}`;
}

/** A message's JSON between the braces, without what only the store knows: its `seq` and time. */
export function encodeBody({ id, user, text, data }: PostRequest): string {
  const fields = data === undefined ? { id, from: user, text } : { id, from: user, text, data };
  return JSON.stringify(fields).slice(1, -1);
}

/** The message that a request became. */
export function messageOf({ id, user, text, data }: PostRequest, seq: number, at: number): Message {
  return data === undefined ? { seq, id, from: user, text, at } : { seq, id, from: user, text, data, at };
}

/** What is announced on a conversation's channel: messages with first ≤ seq ≤ last, each as JSON, in lines. */
export interface Announcement {
  readonly epoch: string;
  readonly first: number;
  readonly last: number;
  readonly lines: string;
}

/** Reads `<epoch> <first> <last>` and the lines after it, which nobody parses who has the messages already. */
export function decodeAnnouncement(payload: string): Announcement {
  const end = payload.indexOf("\n");
  const [epoch, first, last] = payload.slice(0, end).split(" ");
  return { epoch: epoch!, first: Number(first), last: Number(last), lines: payload.slice(end + 1) };
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
