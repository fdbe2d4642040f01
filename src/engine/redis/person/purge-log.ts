import type { SectionPart } from "../../sections.ts";
import type { TextEraser } from "../changes/text-eraser.ts";
import type { RedisClient } from "../connection/client.ts";
import type { ConversationPart } from "../connection/keys.ts";
import { Script } from "../connection/script.ts";
import { scanHash } from "../members/user-lists.ts";

const FIND_MESSAGES = new Script("person/find-messages");
const FORGET_NAMES = new Script("person/forget-names");

/** The number of entries that one call reads: Redis serves no other client meanwhile. */
const ENTRIES_AT_ONCE = 500;

/** The number of names of messages that one part looks at. */
const NAMES_AT_ONCE = 1_000;

/**
 * Where the purge of a log is. `last` is the newest message when it began: later ones are of a new person, so an API key that posts in
 * the name all the time does not make it endless.
 *
 *   names ──▶ look ──▶ (nothing of the person is in the log)
 *               └────▶ found ──▶ copy ◀──▶ again
 */
interface Place {
  /** `found`: `look` has found something, and goes on to the end. `again`: the copy is checked. */
  readonly phase: "names" | "look" | "found" | "copy" | "again";
  readonly last: number;
  /** The cursor of the names, or where the next part of the log begins. */
  readonly at: string;
}

export interface PurgeLogDeps {
  readonly client: RedisClient;
  readonly eraser: Pick<TextEraser, "blank">;
}

/** Returns where the purge of a log begins: messages after `last` are of a new person. */
export function beginningOfPurge(last: number): string {
  return encodePlace({ phase: "names", last, at: "0" });
}

/** Returns the newest message of a conversation; 0 for none. */
export async function newestOf({ commands, keys }: RedisClient, conversation: string): Promise<number> {
  const log = keys.conversationKey(conversation, "log");
  const [newest] = await commands.xrevrange(log, "+", "-", "COUNT", 1);
  return newest === undefined ? 0 : Number.parseInt(newest[0], 10);
}

/**
 * Takes the name and the ids of a sender out of a log, which is copied for it: an entry of a stream can be neither replaced nor erased.
 * Returns the seqs of messages that are not forgotten yet, because they came after the erasure had looked: the caller MUST have them
 * forgotten before the next part. Then the log is read again, because another node may have begun a copy of it before. The names by
 * which repeats of messages are found go first, and are not looked up in the log: a copy of it has none of them any more.
 */
export async function purgeLog(
  deps: PurgeLogDeps,
  user: string,
  conversation: string,
  within: string,
): Promise<SectionPart<readonly number[]>> {
  const { client, eraser } = deps;
  const key = (what: ConversationPart) => client.keys.conversationKey(conversation, what);
  const place = decodePlace(within);
  switch (place.phase) {
    case "names": {
      if (place.at === "0") await purgeNamesOfChanges(client, user, key);
      const at = await purgeNames(client, user, key, place);
      return part(at === "0" ? { ...place, phase: "look", at: "-" } : { ...place, at });
    }
    case "look":
    case "found":
    case "again":
      return look(client, user, key, place);
    case "copy":
      await eraser.blank(conversation, user);
      return part({ ...place, phase: "again", at: "-" });
    default:
      return place.phase satisfies never;
  }
}

type KeyOf = (what: ConversationPart) => string;

/** Looks at a part of the log. */
async function look(
  client: RedisClient,
  user: string,
  key: KeyOf,
  place: Place,
): Promise<SectionPart<readonly number[]>> {
  const values = [place.at, place.last, ENTRIES_AT_ONCE, user];
  const reply = await client.run(FIND_MESSAGES, [key("log"), key("changes")], values);
  const [end, named, late] = reply as [string, number, string[]];
  if (place.phase === "again") {
    if (named > 0) return part({ ...place, phase: "copy", at: "" });
    return part(end === "" ? undefined : { ...place, at: `(${end}` });
  }
  const phase = named > 0 || late.length > 0 ? "found" : place.phase;
  const atEnd: Place | undefined = phase === "found" ? { ...place, phase: "copy", at: "" } : undefined;
  return part(end === "" ? atEnd : { ...place, phase, at: `(${end}` }, late.map(Number));
}

function part(next: Place | undefined, value: readonly number[] = []): SectionPart<readonly number[]> {
  return { value, next: next && encodePlace(next) };
}

function encodePlace({ phase, last, at }: Place): string {
  return `${phase} ${last} ${at}`;
}

function decodePlace(text: string): Place {
  const [phase, last, at] = text.split(" ");
  return { phase: phase as Place["phase"], last: Number(last), at: at! };
}

/** Removes some of the names of the user's messages; returns where to go on, "0" at the end. */
async function purgeNames(client: RedisClient, user: string, key: KeyOf, place: Place): Promise<string> {
  const { commands } = client;
  const ids = key("ids");
  // No character of a user's name means something else in a pattern.
  const [next, found] = await commands.hscan(ids, place.at, "MATCH", `${user} *`, "COUNT", NAMES_AT_ONCE);
  const names = found.filter((_, i) => i % 2 === 0);
  if (names.length > 0)
    await client.run(FORGET_NAMES, [ids, key("log"), key("drafts")], [place.last, ...names]);
  return next;
}

/** Removes the names of the user's changes by which repeats are found. */
async function purgeNamesOfChanges(client: RedisClient, user: string, key: KeyOf): Promise<void> {
  const { commands } = client;
  if ((await commands.hget(key("meta"), "rev")) === null) return;
  const fields = [...(await scanHash(client, key("changes"))).keys()].filter((field) =>
    field.startsWith(`#${user} `),
  );
  if (fields.length === 0) return;
  const names = fields.map((field) => field.slice(1));
  await commands.hdel(key("ids"), ...names);
  await commands.zrem(key("change-ids"), ...names);
  await commands.hdel(key("changes"), ...fields);
}
