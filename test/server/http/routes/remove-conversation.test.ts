import { describe, expect, test } from "bun:test";
import { createRemovalBatcher } from "../../../../src/server/removal-batcher.ts";
import { startRedis } from "../../../support/redis/redis-server.ts";
import { startTestServer, type TestServer } from "../../../support/server/test-server.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";

const CHECK = "parley-check-1";

async function talkAndRemove(server: TestServer) {
  const headers = { Authorization: `Bearer ${await server.token("ann")}` };
  const at = (name: string) => `${server.url}/conversations/${name}`;
  const post = (name: string) =>
    fetch(`${at(name)}/messages`, { method: "POST", headers, body: JSON.stringify({ text: "hello" }) });
  const kept = async (name: string) =>
    (await (await fetch(`${at(name)}/messages`, { headers })).json()).messages.length;
  const remove = async (name: string, as: Record<string, string> = headers) =>
    (await fetch(at(name), { method: "DELETE", headers: as })).status;
  await post(CHECK);
  await post("lobby");
  const statuses = [await remove(CHECK, {}), await remove("lobby"), await remove(CHECK), await remove(CHECK)];
  // A running server notices an outside change within a second.
  await waitUntil("the conversation is empty", async () => (await kept(CHECK)) === 0);
  return { statuses, kept: [await kept(CHECK), await kept("lobby")] };
}

describe("DELETE /conversations/{id}", () => {
  test("N8 removes a conversation of checks, if the token may write to it, and no other", async () => {
    await using server = await startTestServer();
    expect(await talkAndRemove(server)).toEqual({ statuses: [401, 403, 204, 204], kept: [0, 1] });
    const lines = server.log.entries.filter(({ event }) => event === "conversation.removed");
    expect(lines.find(({ fields }) => fields?.user !== undefined)).toMatchObject({
      level: "info",
      fields: { user: "ann", conversation: CHECK },
    });
  });

  test.skipIf(Bun.which("removes one on Redis, too") === null)("does so on Redis, too", async () => {
    await using redis = await startRedis();
    await using server = await startTestServer({ env: { REDIS_URL: redis.url } });
    expect(await talkAndRemove(server)).toEqual({ statuses: [401, 403, 204, 204], kept: [0, 1] });
  });

  test("M1 simultaneous removals of one client share one run, and further ones are refused", async () => {
    const turns: number[] = [];
    const remove = createRemovalBatcher(async (ids) => {
      turns.push(ids.length);
      return new Set(ids.filter((id) => id !== "7"));
    });
    const asked = Array.from({ length: 300 }, (_, id) => remove(`${id}`));
    expect(asked.filter((one) => one === undefined)).toHaveLength(300 - 256);
    expect([await asked[7], await asked[8]]).toEqual([false, true]);
    expect(turns).toEqual([256]);
  });
});
