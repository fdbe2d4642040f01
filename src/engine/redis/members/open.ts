import type { MemberStore } from "../../../core/ports/conversation/members.ts";
import { type ConnectOptions, connectInSteps } from "../connection/connect.ts";
import { ensureStoreEpoch } from "../connection/epoch.ts";
import { KnownMembers } from "./known-members.ts";
import { RedisMembers } from "./members.ts";
import { NewsStreams } from "./news-streams.ts";

/** Opens the members of conversations for a command. Servers may run on the same Redis. */
export async function openRedisMembers(
  options: ConnectOptions,
): Promise<{ members: MemberStore; close(): Promise<void> }> {
  const { clock, emit } = options;
  const { client, step } = await connectInSteps(options);
  const epoch = (await step(() => ensureStoreEpoch(client))) ?? "";
  // It is not started: a command makes changes, and does not watch those of others.
  const news = new NewsStreams(client, clock, emit);
  const members = new RedisMembers({ client, news, known: new KnownMembers(), storeEpoch: () => epoch });
  return {
    members,
    async close() {
      news.close();
      await client.close();
    },
  };
}
