import type { ConversationFacts, Sanction } from "../../../core/members/records.ts";
import { ERASED_USER } from "../../../core/person/erased-user.ts";
import type { RedisClient } from "../connection/client.ts";
import type { ConversationPart } from "../connection/keys.ts";
import { Script } from "../connection/script.ts";
import { decodeSanction } from "../members/encoding.ts";
import { scanHash } from "../members/user-lists.ts";

const FORGET = new Script("person/forget");
const LIST_REMOVE = new Script("members/list-remove");
const REPLACE_FIELD = new Script("person/replace-field");

type Counts = Readonly<Record<string, number>>;

/**
 * The keys of a user that are removed as they are; the revocation is sealed (seal.ts), and the lists have an entry for each membership
 * and for each open stream.
 */
const USER_KEYS = [
  ...(["quota", "reserved", "charged", "connections", "clients", "tickets", "throttle"] as const),
  ...(["families", "former"] as const),
] as const;

const BY_USER: readonly ConversationPart[] = ["members", "muted", "banned", "gone", "marks", "sent"];

/** The places of fields in the header of a draft (lua/streams/drafts.lua). */
const CANCELLED_BY = 5;

/** Removes the keys that have the name in them, with what they lead to. */
export async function forgetUserKeys(client: RedisClient, user: string): Promise<Counts> {
  const { commands, keys } = client;
  const families = await commands.zrange(keys.userKey(user, "families"), "0", "-1");
  for (const id of families) await commands.del(keys.familyKey(id));
  for (const digest of await commands.zrange(keys.userKey(user, "tickets"), "0", "-1"))
    await commands.del(keys.ticketKey(digest));
  // All are in one slot.
  await commands.del(...USER_KEYS.map((what) => keys.userKey(user, what)));
  await forgetStreams(client, user);
  await forgetList(client, user);
  return { sign_ins: families.length };
}

/** Clears the list of a user's streams. One that is open was begun by an API key meanwhile: by this list the next erasure ends it. */
async function forgetStreams({ commands, keys }: RedisClient, user: string): Promise<void> {
  const list = keys.userKey(user, "streams");
  for (const [stream, value] of Object.entries(await commands.hgetall(list)))
    if ((await commands.hexists(value.split(" ")[0]!, stream)) === 0) await commands.hdel(list, stream);
}

/** Clears the list of a user. An entry stays where the user was made a member again, or is being made one (members/user-lists.ts). */
async function forgetList(client: RedisClient, user: string): Promise<void> {
  const lists = [client.keys.userKey(user, "conversations"), client.keys.userKey(user, "former")];
  for (const [conversation, entry] of await scanHash(client, lists[0]!))
    if (!(await isMember(client, user, conversation)))
      await client.run(LIST_REMOVE, lists, [conversation, entry, ""]);
}

/** Returns whether a user belongs to a conversation. */
export async function isMember(client: RedisClient, user: string, conversation: string): Promise<boolean> {
  const members = client.keys.conversationKey(conversation, "members");
  return (await client.commands.hexists(members, user)) === 1;
}

/** Removes the name from what a conversation has beside messages. `last`: the last message that is forgotten. */
export async function forgetInConversation(
  client: RedisClient,
  user: string,
  conversation: string,
  last: number,
): Promise<Counts> {
  const key = (what: ConversationPart) => client.keys.conversationKey(conversation, what);
  const given = await forgetSanctions(client, user, [key("muted"), key("banned")]);
  const direct = await forgetDirect(client, user, key("meta"));
  await forgetStops(client, user, key("drafts"), key("cancelled"));
  const present = [...(await scanHash(client, key("present"))).keys()].filter((field) =>
    field.endsWith(` ${user}`),
  );
  if (present.length > 0) await client.commands.hdel(key("present"), ...present);
  const names = [key("meta"), key("names"), ...BY_USER.map(key)];
  const [standing, marked] = (await client.run(FORGET, names, [user, ERASED_USER, last])) as [number, number];
  return {
    memberships: standing,
    read_marks: marked,
    sanctions_given: given,
    direct_conversations: direct,
  };
}

/** Takes the name and the reason out of the mutes and bans that the person gave to others. */
async function forgetSanctions(
  client: RedisClient,
  user: string,
  hashes: readonly string[],
): Promise<number> {
  let count = 0;
  for (const hash of hashes)
    for (const [field, value] of await scanHash(client, hash)) {
      const { reason: _, ...sanction }: Sanction = decodeSanction(value);
      if (sanction.by !== user) continue;
      const after = `${sanction.until ?? ""} ${JSON.stringify({ ...sanction, by: ERASED_USER })}`;
      count += await replaceField(client, hash, field, value, after);
    }
  return count;
}

/** A direct conversation stays with the other user, and has no second one any more. */
async function forgetDirect(client: RedisClient, user: string, meta: string): Promise<number> {
  const text = await client.commands.hget(meta, "facts");
  const facts: ConversationFacts | undefined = text === null ? undefined : JSON.parse(text);
  if (text === null || !facts?.direct?.includes(user)) return 0;
  const direct = facts.direct.map((name) => (name === user ? ERASED_USER : name));
  return replaceField(client, meta, "facts", text, JSON.stringify({ ...facts, direct }));
}

/** Requests of the person to stop the streams of others. */
async function forgetStops(
  client: RedisClient,
  user: string,
  drafts: string,
  cancelled: string,
): Promise<void> {
  for (const [handle, header] of await scanHash(client, drafts)) {
    const fields = header.split("\t");
    if (handle.endsWith("=") || fields[CANCELLED_BY] !== user) continue;
    await replaceField(client, drafts, handle, header, fields.with(CANCELLED_BY, ERASED_USER).join("\t"));
  }
  for (const [message, value] of await scanHash(client, cancelled))
    if (value.endsWith(` ${user}`)) await replaceField(client, cancelled, message, value, "");
}

async function replaceField(
  client: RedisClient,
  hash: string,
  ...values: readonly [field: string, before: string, after: string]
): Promise<number> {
  return (await client.run(REPLACE_FIELD, [hash], values)) as number;
}
