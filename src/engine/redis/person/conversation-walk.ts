import type { SectionPart } from "../../sections.ts";
import type { RedisClient } from "../connection/client.ts";

/** The number of keys that one SCAN visits. */
const SCAN_COUNT = 200;

/** Where a walk over all keys is: which of the primaries, and the cursor there; `ended`: that one is done. */
interface ScanPlace {
  readonly primary: number;
  readonly cursor: string;
  readonly ended: boolean;
}

/** Where a walk over all conversations is. */
interface Place extends ScanPlace {
  /** Conversations that were found and are not done, and the place in the first one. */
  readonly found: readonly string[];
  readonly within?: string | undefined;
}

const START: Place = { primary: 0, cursor: "0", ended: false, found: [] };

/** Does one part of a conversation, from `within` on. */
type Task<Value> = (conversation: string, within: string | undefined) => Promise<SectionPart<Value>>;

/**
 * Does one part of a task for all conversations, one after the other. A slot of Cluster that moves meanwhile may be left out or done
 * twice, so what must be complete is done a second time.
 */
export async function walkConversations<Value>(
  client: RedisClient,
  after: string | undefined,
  nothing: Value,
  task: Task<Value>,
): Promise<SectionPart<Value>> {
  const place: Place = after === undefined ? START : JSON.parse(after);
  const [conversation, ...rest] = place.found;
  if (conversation !== undefined) {
    const { value, next } = await task(conversation, place.within);
    const found = next === undefined ? rest : place.found;
    return { value, next: JSON.stringify({ ...place, found, within: next }) };
  }
  const scanned = await scanKeys(client, place, client.keys.conversationPattern("meta"));
  if (scanned === undefined) return { value: nothing, next: undefined };
  const found = scanned.keys.map((key) => client.keys.conversationOfKey(key));
  return { value: nothing, next: JSON.stringify({ ...scanned.place, found }) };
}

/** Removes the keys that match a pattern, in one part of a walk over all keys. */
export async function removeKeys<Value>(
  client: RedisClient,
  after: string | undefined,
  nothing: Value,
  pattern: string,
): Promise<SectionPart<Value>> {
  const scanned = await scanKeys(client, after === undefined ? START : JSON.parse(after), pattern);
  if (scanned === undefined) return { value: nothing, next: undefined };
  for (const key of scanned.keys) await client.commands.del(key);
  return { value: nothing, next: JSON.stringify(scanned.place) };
}

/** Visits some keys; undefined: all were visited. */
async function scanKeys(
  { primaries }: RedisClient,
  at: ScanPlace,
  pattern: string,
): Promise<{ readonly keys: readonly string[]; readonly place: ScanPlace } | undefined> {
  const primary = at.ended ? at.primary + 1 : at.primary;
  const server = primaries[primary];
  if (server === undefined) return undefined;
  const from = at.ended ? "0" : at.cursor;
  const [cursor, keys] = await server.scan(from, "MATCH", pattern, "COUNT", SCAN_COUNT);
  return { keys, place: { primary, cursor, ended: cursor === "0" } };
}
