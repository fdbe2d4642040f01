// What a round of changes in one conversation has to know: the query, and the reply of lua/changes/read.lua.

import type { Entry } from "../../../core/conversation/entry.ts";
import { MAX_REACTION_USERS } from "../../../protocol/limits.ts";
import type { ChangeOperation } from "../../change-operation.ts";
import { speechFlags } from "../members/encoding.ts";
import { decodeRecord, dedupeKey } from "../messages/message-encoding.ts";
import { decodeValue, digestOf, withoutErased } from "./encoding.ts";

export type ChangeCallRequest = ChangeOperation["request"];

/** Distinct texts with their values, in the order in which they were added. */
class Distinct<Values extends readonly (string | number)[]> {
  readonly all = new Map<string, Values>();

  add(...values: Values): void {
    this.all.set(values.join("\t"), values);
  }

  get size(): number {
    return this.all.size;
  }
}

export const standingKey = (request: ChangeCallRequest) => `${speechFlags(request)}\t${request.user}`;
export const reactionKey = (seq: number, digest: string) => `${seq}\t${digest}`;
export const ownKey = (seq: number, user: string) => `${seq}\t${user}`;

/** The part of a key with the users who have a reaction to a message. */
export const usersPart = (seq: number, digest: string) => `by:${seq}:${digest}`;

/** What the decision about some changes of one conversation must read. */
export class SceneQuery {
  readonly messages = new Distinct<[seq: number]>();
  readonly standings = new Distinct<[flags: string, user: string]>();
  readonly reactions = new Map<string, [seq: number, digest: string, count: number]>();
  readonly own = new Distinct<[seq: number, user: string]>();
  readonly names = new Distinct<[name: string]>();

  constructor(requests: readonly ChangeCallRequest[]) {
    for (const request of requests) this.add(request);
  }

  /** Returns the values of the script from the numbers on. */
  encode(): (string | number)[] {
    const { messages, standings, reactions, own, names } = this;
    const values: (string | number)[] = [messages.size, standings.size, reactions.size, own.size, names.size];
    for (const each of [messages, standings]) for (const some of each.all.values()) values.push(...some);
    for (const some of reactions.values()) values.push(...some);
    for (const each of [own, names]) for (const some of each.all.values()) values.push(...some);
    return values;
  }

  private add(request: ChangeCallRequest): void {
    const { seq, user, id, change } = request;
    this.messages.add(seq);
    this.standings.add(speechFlags(request), user);
    if (id !== undefined) this.names.add(dedupeKey(user, id));
    if (change.kind !== "react") return;
    this.own.add(seq, user);
    const digest = digestOf(change.reaction);
    const key = reactionKey(seq, digest);
    const before = this.reactions.get(key)?.[2] ?? MAX_REACTION_USERS + 1;
    // Each user who takes the reaction back may be one of those that are shown.
    this.reactions.set(key, [seq, digest, before + 1]);
  }
}

/** A message as it is now. */
export interface SceneMessage {
  readonly entry: Entry;
  /** The content without changes. */
  body: string;
  /** As `encodeState`; '' if it was never changed. */
  state: string;
  /** Whether `body` is not that of the log. */
  isReplaced: boolean;
  digests: readonly string[];
}

export type UserReactions = readonly [user: string, own: readonly string[]];

/** What was read. */
export interface Scene {
  /** The store's time. */
  readonly now: number;
  /** As in BatchReply of the messages. */
  readonly news: string;
  readonly epoch: string;
  readonly seq: number;
  /** "rev time", '' if nothing was ever changed. */
  readonly rev: string;
  /** By `seq`. Those that are not kept are missing. */
  readonly messages: ReadonlyMap<number, SceneMessage>;
  /** By `standingKey`, as `request_standing` of lua/changes/request.lua. */
  readonly standings: ReadonlyMap<string, string>;
  /** By `reactionKey`: the users that may have a reaction, the newest first, and all their reactions to the message. */
  readonly reactions: ReadonlyMap<string, readonly UserReactions[]>;
  /** By `ownKey`. */
  readonly own: ReadonlyMap<string, readonly string[]>;
  /** By name, as `request_name` of lua/changes/request.lua. */
  readonly names: ReadonlyMap<string, string>;
}

export type SceneReply = readonly [
  now: string,
  news: string,
  epoch: string,
  seq: number,
  rev: string,
  messages: readonly string[],
  standings: readonly string[],
  reactions: readonly string[],
  own: readonly string[],
  names: readonly string[],
];

export function decodeScene(query: SceneQuery, reply: SceneReply): Scene {
  const [now, news, epoch, seq, rev, values, standings, reactions, own, names] = reply;
  const messages = new Map<number, SceneMessage>();
  for (const [i, [number]] of [...query.messages.all.values()].entries()) {
    const [at, record, value] = values.slice(3 * i, 3 * i + 3) as [string, string, string];
    if (record === "") continue;
    const changed = value === "" ? undefined : decodeValue(value);
    const entry = withoutErased(decodeRecord(record, number, Number(at)), changed?.state ?? "");
    const isReplaced = changed !== undefined && changed.body !== "";
    messages.set(number, {
      entry,
      body: isReplaced ? changed.body : entry.body,
      state: changed?.state ?? "",
      isReplaced,
      digests: changed?.digests ?? [],
    });
  }
  return {
    ...{ now: Number(now), news, epoch, seq, rev, messages },
    standings: zip(query.standings.all.keys(), standings),
    reactions: zip(query.reactions.keys(), reactions.map(decodeUsers)),
    own: zip(query.own.all.keys(), own.map(decodeOwn)),
    names: zip(query.names.all.keys(), names),
  };
}

/** Reads the reactions of a user to a message, the oldest first; '' for none. */
export function decodeOwn(text: string): readonly string[] {
  return text === "" ? [] : (JSON.parse(text) as string[]);
}

function decodeUsers(lines: string): readonly UserReactions[] {
  if (lines === "") return [];
  return lines.split("\n").map((line) => {
    const [user, own] = line.split("\t") as [string, string];
    return [user, decodeOwn(own)];
  });
}

function zip<Value>(keys: Iterable<string>, values: readonly Value[]): Map<string, Value> {
  return new Map([...keys].map((key, i) => [key, values[i]!]));
}
