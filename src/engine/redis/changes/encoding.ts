// The values of changes, as lua/changes/present.lua describes them, and what nodes send one another of changes.
import { createHash } from "node:crypto";
import type { AnnouncedChange } from "../../../core/changes/fold.ts";
import { hasErasedSender } from "../../../core/changes/message-state.ts";
import type { Entry } from "../../../core/conversation/entry.ts";
import { ERASED_USER, idOfErased } from "../../../core/person/erased-user.ts";
import type { StoredChange } from "../../../core/ports/conversation/changes.ts";
import type { RedisClient } from "../connection/client.ts";

/** What changes have made of a message, as it is stored. */
export interface ChangeValue {
  /** When the newest change was made, in milliseconds since 1970. */
  readonly at: number;
  /** The digests of all reactions that the message has or had. */
  readonly digests: readonly string[];
  /** As `encodeState` of core/changes/message-state.ts encodes it. */
  readonly state: string;
  /** The content; '' if it is that of the log. */
  readonly body: string;
}

export function encodeValue({ at, digests, state, body }: ChangeValue): string {
  return `${at} ${digests.join(",")}\t${state}\t${body}`;
}

export function decodeValue(value: string): ChangeValue {
  const [head, state, body] = value.split("\t");
  const [at, digests] = head!.split(" ");
  return {
    at: Number(at),
    digests: digests === "" ? [] : digests!.split(","),
    state: state!,
    body: body!,
  };
}

/** Returns a short name of a reaction for keys: a reaction may have any character. */
export function digestOf(reaction: string): string {
  return createHash("sha256").update(reaction).digest("base64url").slice(0, 16);
}

/** The number of a change, and when it was made, in milliseconds since 1970; 0 if that is not known. */
export interface Rev {
  readonly rev: number;
  readonly at: number;
}

export const NO_CHANGES: Rev = { rev: 0, at: 0 };

/** Reads "rev time"; '' for none. */
export function decodeRev(text: string): Rev {
  if (text === "") return NO_CHANGES;
  const [rev, at] = text.split(" ");
  return { rev: Number(rev), at: Number(at) };
}

/** Returns an entry without its sender, where that was erased: the log names it until it is rewritten (lua/changes/blank.lua). */
export function withoutErased(entry: Entry, state: string): Entry {
  return hasErasedSender(state) ? { ...entry, from: ERASED_USER, id: idOfErased(entry.seq) } : entry;
}

/** Returns entries of the log as they are now. */
export async function presentEntries(
  { commands, keys }: Pick<RedisClient, "commands" | "keys">,
  conversation: string,
  entries: readonly Entry[],
): Promise<readonly Entry[]> {
  if (entries.length === 0) return entries;
  const seqs = entries.map(({ seq }) => String(seq));
  const values = await commands.hmget(keys.conversationKey(conversation, "changes"), ...seqs);
  return entries.map((entry, i) => {
    const value = values[i];
    if (value === null || value === undefined) return entry;
    const { state, body } = decodeValue(value);
    return withoutErased({ ...entry, body: (body === "" ? entry.body : body) + state }, state);
  });
}

/** Changes that were stored together. */
export interface ChangeAnnouncement {
  readonly epoch: string;
  /** The newest message when they were stored: later ones come after them. */
  readonly after: number;
  readonly changes: readonly StoredChange[];
}

type Content = readonly [
  kind: Entry["kind"],
  seq: number,
  id: string,
  from: string,
  at: number,
  body: string,
];
type Change = readonly [
  rev: number,
  kind: AnnouncedChange["kind"],
  by: string,
  at: number,
  set: string,
  state: string,
  content: number,
];

/** A change, with the parts of the message's body. */
export interface MadeChange {
  readonly change: StoredChange;
  readonly content: string;
  readonly state: string;
}

/** Returns the lines after the first one of an announcement. A message that was changed several times is in it once for each content. */
export function encodeAnnouncement(made: readonly MadeChange[]): string {
  const contents: Content[] = [];
  const indexes = new Map<string, number>();
  const changes = made.map(({ change, content, state }): Change => {
    const { kind, seq, id, from, at } = change.entry;
    const key = `${seq} ${content}`;
    let index = indexes.get(key);
    if (index === undefined) {
      index = contents.push([kind, seq, id, from, at, content]) - 1;
      indexes.set(key, index);
    }
    return [change.rev, change.kind, change.by, change.at, change.set, state, index];
  });
  return JSON.stringify([contents, changes]);
}

/** Reads an announcement: a line "epoch seq", and what `encodeAnnouncement` has returned. */
export function decodeChanges(conversation: string, payload: string): ChangeAnnouncement {
  const end = payload.indexOf("\n");
  const [epoch, after] = payload.slice(0, end).split(" ") as [string, string];
  const [contents, changes] = JSON.parse(payload.slice(end + 1)) as [Content[], Change[]];
  return {
    epoch,
    after: Number(after),
    changes: changes.map(([rev, kind, by, at, set, state, index]) => {
      const [ofEntry, seq, id, from, storedAt, content] = contents[index]!;
      const entry = { kind: ofEntry, seq, id, from, at: storedAt, body: content + state };
      return { conversation, epoch, rev, seq, kind, by, at, set, entry };
    }),
  };
}
