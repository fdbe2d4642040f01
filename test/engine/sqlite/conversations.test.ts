import { openConversations } from "../../../src/engine/sqlite/conversations.ts";
import { conversationContract } from "../../contracts/conversations.ts";
import { openEngineInParts } from "./parts.ts";

conversationContract("sqlite", async (clock, retention) => {
  const parts = await openEngineInParts(clock, retention);
  const { path: dataDir, log } = parts.folder;
  return {
    ...parts,
    beside: async () => openConversations({ dataDir, clock, log, sync: "normal" }),
  };
});
