import type { StandingChange } from "../../../src/core/members/records.ts";
import type { InboxFrame, InboxItem, InboxItemFrame } from "../../../src/protocol/frames/inbox-frames.ts";
import type { TestClient } from "../../support/clients/test-client.ts";
import type { TestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

/** A key of an operator's program, and its entry for API_KEYS. */
export const KEY = "pk_0123456789abcdefghijklmnopqrstuvwxyz";
export const KEY_ENTRY = `backend:${new Bun.CryptoHasher("sha256").update(KEY).digest("hex")}:read+write+manage`;

/** Changes the standings of users in a conversation, as the port of members does it. */
export async function change(
  { members }: Pick<TestServer, "members">,
  conversation: string,
  ...standings: StandingChange[]
): Promise<void> {
  for (;;) {
    const { revision, now } = await members.read(conversation, []);
    const news = standings.map(({ user, role }) =>
      role === null
        ? { type: "member" as const, user, change: "removed" as const, at: now }
        : { type: "member" as const, user, change: "added" as const, at: now },
    );
    if (await members.change(conversation, revision, { standings, news })) return;
  }
}

/** Makes users members of a conversation. */
export function add(server: Pick<TestServer, "members">, conversation: string, ...users: string[]) {
  return change(server, conversation, ...users.map((user) => ({ user, role: "member" as const })));
}

/** Stores a message of `from`, by the key of the operator's program. */
export async function say(
  { url }: Pick<TestServer, "url">,
  conversation: string,
  from: string,
  text: string,
): Promise<void> {
  const response = await fetch(`${url}/conversations/${conversation}/messages`, {
    method: "POST",
    headers: { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" },
    body: JSON.stringify({ from, text }),
  });
  if (response.status !== 201) throw new Error(`not stored: ${response.status} ${await response.text()}`);
}

/** Removes a conversation, by the key. */
export async function remove({ url }: Pick<TestServer, "url">, conversation: string): Promise<void> {
  const response = await fetch(`${url}/conversations/${conversation}`, {
    method: "DELETE",
    headers: { Authorization: `Bearer ${KEY}` },
  });
  if (!response.ok) throw new Error(`not removed: ${response.status} ${await response.text()}`);
}

/** Reads the inbox of `user` over HTTP, by the key. */
export async function readInbox(
  { url }: Pick<TestServer, "url">,
  user: string,
  query: Readonly<Record<string, string>> = {},
): Promise<InboxFrame> {
  const response = await fetch(`${url}/inbox?${new URLSearchParams({ user, ...query })}`, {
    headers: { Authorization: `Bearer ${KEY}` },
  });
  if (response.status !== 200) throw new Error(`not read: ${response.status} ${await response.text()}`);
  return (await response.json()) as InboxFrame;
}

/** The frames of the inbox that a client was sent. */
export function framesOf(client: TestClient): (InboxFrame | InboxItemFrame)[] {
  const frames = client.frames as unknown as (InboxFrame | InboxItemFrame)[];
  return frames.filter(({ type }) => type === "inbox" || type === "inbox_item");
}

/** What a client knows that applies the frames of its inbox as PROTOCOL.md describes. */
export function listOf(client: TestClient): {
  items: Map<string, InboxItem>;
  position: string;
  unread: number;
  conversations: number;
} {
  const items = new Map<string, InboxItem>();
  let [position, unread, conversations] = ["", 0, 0];
  for (const frame of framesOf(client)) {
    if (frame.type === "inbox" && frame.reset) items.clear();
    for (const item of frame.type === "inbox" ? frame.items : [frame.item])
      if ("removed" in item) items.delete(item.conversation);
      else items.set(item.conversation, item);
    ({ position, unread_total: unread, unread_conversations: conversations } = frame);
  }
  return { items, position, unread, conversations };
}

/** Waits until the list of a client has these unread numbers, and its totals are theirs. */
export async function unreadBecomes(
  client: TestClient,
  expected: Readonly<Record<string, number>>,
): Promise<void> {
  const numbers = Object.values(expected);
  const wanted = JSON.stringify([
    Object.entries(expected).sort(),
    numbers.reduce((sum, each) => sum + each, 0),
    numbers.filter((each) => each > 0).length,
  ]);
  let last = "";
  try {
    await waitUntil(`the unread numbers are ${wanted}`, () => {
      const { items, unread, conversations } = listOf(client);
      const entries = [...items].map(([name, item]) => [name, item.unread] as const).sort();
      last = JSON.stringify([entries, unread, conversations]);
      return last === wanted;
    });
  } catch (error) {
    throw new Error(`${error}\nThe last were ${last}.`);
  }
}
