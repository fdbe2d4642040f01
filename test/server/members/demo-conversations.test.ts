import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storeProvider } from "../../../src/cli/store/providers.ts";
import { encodeMessageBody } from "../../../src/core/conversation/entry.ts";
import type { Store } from "../../../src/core/ports/store.ts";
import { seedDemoConversations } from "../../../src/server/members/demo-conversations.ts";
import { systemClock } from "../../../src/server/process/system-clock.ts";
import { readSettings } from "../../../src/server/settings/read.ts";
import { RecordedLog } from "../../support/server/recorded-log.ts";
import { SECRET } from "../../support/server/test-server.ts";

const KEY = `app:${"0".repeat(64)}:read+write`;

/** An embedded store in a folder of its own, with the settings of `env`. */
async function openStore(env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "parley-demo-"));
  const read = readSettings({ env: { DATA_DIR: folder, ...env } });
  if ("problems" in read) throw new Error(read.problems.join("\n"));
  const log = new RecordedLog();
  const { store } = await storeProvider(read.settings).open({ clock: systemClock(), emit: log.emit });
  const { engine, members } = store;
  return {
    store,
    events: () => log.events(),
    seed: (isNew = true) => seedDemoConversations(read.settings, { engine, members, emit: log.emit, isNew }),
    async [Symbol.asyncDispose]() {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Each conversation of a user with its title, its newest `seq` and its members. */
async function listOf({ engine, members }: Store, user: string) {
  const { conversations } = await members.conversationsOf(user, { limit: 10 });
  const rows = conversations.map(async ({ conversation }) => {
    const view = await members.read(conversation, []);
    const { members: found } = await members.members(conversation, { limit: 10 });
    const { seq } = await engine.head(conversation);
    return { name: view.facts?.title ?? conversation, seq, users: found.map((one) => one.user) };
  });
  return (await Promise.all(rows)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

test("a new store gets a lobby with an edited message, reactions and a reply, and a private group that user3 is not in", async () => {
  await using opened = await openStore();
  expect(await opened.seed()).toBe(true);
  const group = { name: "Cake for user3", seq: 4, users: ["demo-agent", "user1", "user2"] };
  const lobby = { name: "lobby", seq: 5, users: ["user1", "user2", "user3"] };
  expect(await listOf(opened.store, "user1")).toEqual([group, lobby]);
  expect(await listOf(opened.store, "user2")).toEqual([group, lobby]);
  expect(await listOf(opened.store, "user3")).toEqual([lobby]);
  expect(opened.events()).toContain("demo_conversations.created");
  const { engine } = opened.store;
  const page = await engine.page("lobby", 0, 5, 5);
  expect(page?.map(({ body }) => JSON.parse(`{${body}}`))).toMatchObject([
    {},
    { reactions: { "🎉": { count: 1, users: ["user1"] } } },
    {},
    {
      text: "I do. You have it before lunch.",
      reply_to: 3,
      edited: { rev: 1 },
      reactions: { "👍": { count: 1, users: ["user2"] } },
    },
    {},
  ]);
  // The lobby has messages now: they are never written a second time.
  expect(await opened.seed()).toBe(false);
  expect((await opened.store.engine.head("lobby")).seq).toBe(5);
});

test.each([
  ["DEMO_CONVERSATIONS=false", { DEMO_CONVERSATIONS: "false" }],
  ["demo accounts for clients anywhere", { DEMO_ACCOUNTS: "true" }],
  ["no demo accounts", { DEMO_ACCOUNTS: "false" }],
  ["an address that other machines reach", { HOST: "0.0.0.0" }],
  ["a SECRET_KEY, with which an application signs for its users", { SECRET_KEY: SECRET }],
  ["a key set of another issuer", { TOKEN_KEY_SET: "https://example.com/jwks.json" }],
  ["API keys", { API_KEYS: KEY }],
])("a store gets no demo conversations with %s", async (_, env) => {
  await using opened = await openStore(env);
  expect(await opened.seed()).toBe(false);
  expect((await opened.store.engine.head("lobby")).seq).toBe(0);
  expect(opened.events()).not.toContain("demo_conversations.created");
});

test("a store that held accounts or messages before gets no demo conversations", async () => {
  await using opened = await openStore();
  expect(await opened.seed(false)).toBe(false);
  const body = encodeMessageBody("hello", undefined);
  const request = { conversation: "lobby", user: "ann", id: "m1", kind: "message", body, limit: 0 } as const;
  await new Promise((done) => opened.store.engine.post(request, done));
  expect(await opened.seed()).toBe(false);
  expect((await opened.store.engine.head("lobby")).seq).toBe(1);
});
