import { ERASED_USER } from "../../../core/person/erased-user.ts";
import type { SectionPart } from "../../sections.ts";
import type { TextEraser } from "../changes/text-eraser.ts";
import { BUCKET_COUNT } from "../connection/buckets.ts";
import type { RedisClient } from "../connection/client.ts";
import type { ConversationPart } from "../connection/keys.ts";
import { Script } from "../connection/script.ts";
import { scanHash } from "../members/user-lists.ts";

const FIND_SENDER = new Script("person/find-sender");
const REWRITE_STREAM = new Script("person/rewrite-stream");

/** The number of entries that one call reads or copies: Redis serves no other client meanwhile. */
const ENTRIES_AT_ONCE = 500;

/** The number of names of messages that one part looks at. */
const NAMES_AT_ONCE = 1_000;

/** Begins the place of a part that looks at names of messages; other places are entries of the log. */
const AT_NAMES = "names ";

/** The number of buckets that one part visits. */
const BUCKETS_AT_ONCE = 8;

type Counts = Readonly<Record<string, number>>;

/**
 * Takes the name and the ids of a sender out of a log, which is copied for it: an entry of a stream can be neither replaced nor erased.
 * Then the log is read again, because another node may have begun a copy of it before. The names by which repeats of messages are found
 * go first, and are not looked up in the log: a copy of it has none of them any more.
 */
export async function purgeLog(
  client: RedisClient,
  eraser: Pick<TextEraser, "blank">,
  user: string,
  conversation: string,
  within: string | undefined,
): Promise<SectionPart<Counts>> {
  const key = (what: ConversationPart) => client.keys.conversationKey(conversation, what);
  if (within === undefined) await purgeNamesOfChanges(client, user, key);
  const isAtNames = within === undefined || within.startsWith(AT_NAMES);
  if (isAtNames) {
    const cursor = await purgeNames(client, user, key("ids"), within?.slice(AT_NAMES.length) ?? "0");
    if (cursor !== "0") return { value: {}, next: `${AT_NAMES}${cursor}` };
  }
  const from = isAtNames ? "-" : `(${within}`;
  const reply = await client.run(FIND_SENDER, [key("log")], [from, ENTRIES_AT_ONCE, user]);
  const [last, found] = reply as [string, number];
  if (found === 0) return { value: {}, next: last === "" ? undefined : last };
  await eraser.blank(conversation, user);
  // From the beginning.
  return { value: {}, next: "0" };
}

/** Removes some of the names of the user's messages; returns where to go on, "0" at the end. */
async function purgeNames(client: RedisClient, user: string, ids: string, cursor: string): Promise<string> {
  const { commands } = client;
  // No character of a user's name means something else in a pattern.
  const [next, found] = await commands.hscan(ids, cursor, "MATCH", `${user} *`, "COUNT", NAMES_AT_ONCE);
  const names = found.filter((_, i) => i % 2 === 0);
  if (names.length > 0) await commands.hdel(ids, ...names);
  return next;
}

/** Removes the names of the user's changes by which repeats are found. */
async function purgeNamesOfChanges(
  client: RedisClient,
  user: string,
  key: (what: ConversationPart) => string,
): Promise<void> {
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

/** Takes the name out of what all nodes read in some buckets: news of members, and what has changed lately. */
export async function purgeBuckets(
  client: RedisClient,
  user: string,
  first: number,
): Promise<SectionPart<Counts>> {
  const { commands, keys } = client;
  const end = Math.min(first + BUCKETS_AT_ONCE, BUCKET_COUNT);
  for (let bucket = first; bucket < end; bucket++) {
    await purgeStream(client, keys.bucketKey(bucket, "news"), user);
    const activity = keys.bucketKey(bucket, "activity");
    for (let cursor = "0"; ; ) {
      const [next, found] = await commands.zscan(activity, cursor, "MATCH", `* ${user}`, "COUNT", 10_000);
      const members = found.filter((_, i) => i % 2 === 0);
      if (members.length > 0) await commands.zrem(activity, ...members);
      if (next === "0") break;
      cursor = next;
    }
  }
  return { value: {}, next: end === BUCKET_COUNT ? undefined : String(end) };
}

/** Takes the name out of the feed: one stream, in Cluster that of each bucket. */
export async function purgeFeed(
  client: RedisClient,
  user: string,
  bucket: number,
): Promise<SectionPart<Counts>> {
  const { keys, isCluster } = client;
  const stream = isCluster ? keys.bucketKey(bucket, "feed") : keys.globalKey("feed");
  await purgeStream(client, stream, user, true);
  const next = isCluster && bucket + 1 < BUCKET_COUNT ? String(bucket + 1) : undefined;
  return { value: {}, next };
}

/** Takes the name out of a stream of events; `isFeed`: of the feed. */
export async function purgeStream(
  client: RedisClient,
  stream: string,
  user: string,
  isFeed = false,
): Promise<void> {
  const keys = [stream, `${stream}:copy`];
  for (let continues = 0; ; continues = 1) {
    const more = await client.run(REWRITE_STREAM, keys, [
      ...[user, ERASED_USER, ENTRIES_AT_ONCE, continues, isFeed ? 1 : 0],
    ]);
    if (more !== 1) return;
  }
}
