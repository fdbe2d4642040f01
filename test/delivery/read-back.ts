import { TestClient } from "../support/clients/test-client.ts";
import { operatorToken } from "./membership/operator-api.ts";
import type { StoredConversation } from "./record.ts";
import { STEP_TIMEOUT_MS } from "./timeouts.ts";
import { tokenOf } from "./topology/topology.ts";

const POLL_INTERVAL_MS = 200;

/** The current epoch of the conversation. */
export async function epochOf(url: string, conversation: string): Promise<string> {
  const address = await readerAddress(url, conversation);
  return retried(async () => {
    await using client = await TestClient.connect(address);
    return client.of("welcome")[0]!.epoch;
  });
}

/** A conversation from the first message to the newest, with the present users as soon as they are the connected users. */
export async function readConversation(
  url: string,
  conversation: string,
  connected: readonly string[],
): Promise<StoredConversation> {
  const address = await readerAddress(url, conversation);
  const deadline = performance.now() + STEP_TIMEOUT_MS;
  for (;;) {
    const read = await retried(() => readOnce(address));
    const { present } = read;
    const agreed = present.length === connected.length && present.every((user) => connected.includes(user));
    if (agreed || performance.now() > deadline) return { ...read, connected };
    await Bun.sleep(POLL_INTERVAL_MS);
  }
}

/** The oldest message of a conversation that is kept; 0 where there is none. */
export async function oldestOf(url: string, conversation: string): Promise<number> {
  const address = await readerAddress(url, conversation);
  return (await retried(() => readOnce(address))).messages[0]?.seq ?? 0;
}

async function readOnce(address: string): Promise<Omit<StoredConversation, "connected">> {
  await using client = await TestClient.connect(address);
  const { epoch, seq, present: users } = client.of("welcome")[0]!;
  const present = users.map(({ user }) => user).filter((user) => user !== "operator");
  const messages: StoredConversation["messages"][number][] = [];
  for (let more = seq > 0; more; ) {
    client.send({ type: "history", after: messages.at(-1)?.seq ?? 0, limit: 200 });
    const page = await client.next("history");
    messages.push(...page.messages);
    more = page.more && page.messages.length > 0;
  }
  return { epoch, messages, present };
}

/**
 * Reads again while a node still recovers from a fault: it closes new connections then, and says when to come back. On a busy machine
 * it also takes a reader for dead that does not answer its ping within a second.
 */
export async function retried<T>(read: () => Promise<T>): Promise<T> {
  for (const deadline = performance.now() + STEP_TIMEOUT_MS; ; await Bun.sleep(POLL_INTERVAL_MS)) {
    try {
      return await read();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}

async function readerAddress(url: string, conversation: string): Promise<string> {
  return `${url.replace(/^http/, "ws")}/ws/operator/${conversation}?token=${await operatorToken()}`;
}

/** The charges of a user within the hour. Waits while a node still recovers from a fault: it returns 503 then. */
export async function chargedTo(url: string, user: string): Promise<number> {
  const headers = { Authorization: `Bearer ${await tokenOf(user)}` };
  for (const deadline = performance.now() + STEP_TIMEOUT_MS; ; await Bun.sleep(POLL_INTERVAL_MS)) {
    const answer = await fetch(`${url}/me`, { headers });
    const { quota } = (await answer.json()) as { quota?: { limit: number; remaining: number } };
    if (quota !== undefined) return quota.limit - quota.remaining;
    if (answer.status !== 503 || performance.now() > deadline)
      throw new Error(`/me returned ${answer.status} when the server should run again.`);
  }
}
