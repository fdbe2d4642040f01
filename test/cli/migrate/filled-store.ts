// A store with everything in it that a migration has to carry.
import type { Store } from "../../../src/core/ports/store.ts";
import { openConversations } from "../../../src/engine/sqlite/messages/conversations.ts";
import { hashOfApiKey, newApiKey } from "../../../src/server/authentication/api-keys.ts";
import { systemClock } from "../../../src/server/process/system-clock.ts";
import { Life } from "../../contracts/person/life.ts";

export const storeOptions = (dataDir: string) => ({
  ...{ dataDir, clock: systemClock(), emit: () => {}, sync: "normal" as const },
});

/** All that a person leaves, and what the operator has. */
export async function fillStore(store: Store, dataDir: string): Promise<void> {
  const life = new Life(store);
  await life.live();
  const at = Date.now();
  await store.apiKeys.add({
    name: "bot",
    hash: hashOfApiKey(newApiKey()),
    rights: ["read"],
    createdAt: at,
    by: "ops",
  });
  await store.webhooks.add({
    ...{
      id: "w1",
      url: "https://example.com/hook",
      secrets: [{ secret: "whsec_AAAA" }],
      createdAt: at,
      revision: 1,
    },
    ...{ types: ["message.created"], status: { state: "paused", reason: "operator", at } },
    progress: {
      course: 1,
      position: await store.feed.newest(),
      retries: [],
      lastSuccess: { at, event: "e" },
    },
  });
  await store.revocations.revokeToken("token-1", at + 3_600_000);
  await store.signingKeys.write(["one", "two"]);
  const conversations = openConversations(storeOptions(dataDir));
  await conversations.retain("club", { messages: 15, days: null });
  await conversations.remove("gone");
  await conversations.close();
  await life.post("again", "user-1", "before the removal");
  const other = openConversations(storeOptions(dataDir));
  await other.remove("again");
  await other.close();
  await Bun.sleep(0);
  await life.post("again", "user-1", "after the removal");
  await store.applyRetention();
}
