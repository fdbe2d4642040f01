import { openMembers } from "../../../src/engine/sqlite/members/open.ts";
import { openConversations } from "../../../src/engine/sqlite/messages/conversations.ts";
import type { OpenFeed } from "../../contracts/feed/subject.ts";
import { StoreFolder } from "./store-folder.ts";

/** Opens an engine with the ports for members and the feed, for a contract suite. */
export const openWithMembers: OpenFeed = async (clock, retention, feedRetention) => {
  const folder = new StoreFolder();
  let store = await folder.open(clock, retention, undefined, feedRetention);
  return {
    engine: store.engine,
    get members() {
      return store.members;
    },
    get feed() {
      return store.feed;
    },
    async openOther() {
      const options = { dataDir: folder.path, clock, emit: folder.log.emit, sync: "normal" } as const;
      const [opened, conversations] = [openMembers(options), openConversations(options)];
      return {
        members: opened.members,
        conversations,
        async close() {
          await opened.close();
          await conversations.close();
        },
      };
    },
    async reopen() {
      await store.close();
      store = await folder.open(clock, retention, undefined, feedRetention);
      return store.engine;
    },
    clean: () => store.applyRetention(),
    close: () => folder[Symbol.asyncDispose](),
  };
};
