import type { Random } from "../support/random.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import type { InboxWatcher } from "./clients/inbox-watcher.ts";
import type { InboxRecord, InboxState, StoredConversation } from "./record.ts";
import { STEP_TIMEOUT_MS } from "./timeouts.ts";
import { tokenOf } from "./topology/topology.ts";

const POLL_INTERVAL_MS = 200;

/** More than the conversations of a run. */
const PAGE_LIMIT = 200;

/** The share of users that mark a conversation as read in the end, so that their read mark is known exactly. */
const MARKED_SHARE = 0.75;

/**
 * Marks conversations as read, each up to a random message that is not older than `least`. Returns the confirmed marks by
 * conversation and user.
 */
export async function markAsRead(
  url: string,
  readers: readonly { conversation: string; user: string; least: number }[],
  stored: ReadonlyMap<string, StoredConversation>,
  random: Random,
): Promise<ReadonlyMap<string, number>> {
  const marks = new Map<string, number>();
  for (const { conversation, user, least } of readers) {
    const newest = stored.get(conversation)?.messages.at(-1)?.seq ?? 0;
    if (random.next() > MARKED_SHARE || newest === 0 || least > newest) continue;
    const seq = random.between(Math.max(1, least), newest);
    await ask(url, user, "PUT", `/conversations/${conversation}/read`, { seq });
    marks.set(`${conversation}/${user}`, seq);
  }
  return marks;
}

/** The inbox of each user as every node has it, and as the watchers have it once they have caught up. */
export async function readInboxes(
  urls: readonly string[],
  users: Iterable<string>,
  watchers: readonly InboxWatcher[],
): Promise<InboxRecord[]> {
  const records: InboxRecord[] = [];
  for (const user of users)
    for (const [node, url] of urls.entries()) {
      const state = (await ask(url, user, "GET", `/inbox?limit=${PAGE_LIMIT}`)) as InboxState;
      records.push({
        user,
        source: urls.length === 1 ? "GET /inbox" : `GET /inbox of node ${node}`,
        ...state,
      });
    }
  for (const watcher of watchers) {
    const should = records.find(({ user }) => user === watcher.user);
    // Not for ever: the checker reports what is still different.
    if (should !== undefined)
      await waitUntil("the live inbox is up to date", () => isSame(watcher.state, should)).catch(() => {});
    records.push({ user: watcher.user, source: "the live inbox", ...watcher.state });
  }
  return records;
}

function isSame(one: InboxState, other: InboxState): boolean {
  return Bun.deepEquals(comparable(one), comparable(other));
}

function comparable({ items, unread_total, unread_conversations }: InboxState) {
  const numbers = items.map(
    ({ conversation, seq, read, unread }) => `${conversation} ${seq} ${read} ${unread}`,
  );
  return { numbers: numbers.sort(), unread_total, unread_conversations };
}

/** Sends a request of a user, again while a node still recovers from a fault. */
async function ask(url: string, user: string, method: string, path: string, body?: object): Promise<unknown> {
  const headers = { Authorization: `Bearer ${await tokenOf(user)}`, "Content-Type": "application/json" };
  const request = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  for (const deadline = performance.now() + STEP_TIMEOUT_MS; ; await Bun.sleep(POLL_INTERVAL_MS)) {
    const answer = await fetch(`${url}${path}`, request);
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text);
    if (answer.status !== 503 || performance.now() > deadline)
      throw new Error(`${method} ${path} returned ${answer.status} to ${user} in the end: ${text}`);
  }
}
