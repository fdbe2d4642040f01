import { openConversations } from "../../../../src/engine/sqlite/messages/conversations.ts";
import { conversationContract } from "../../../contracts/conversations.ts";
import { openEngineInParts } from "../engine-in-parts.ts";

conversationContract("sqlite", async (clock, retention) => {
  const parts = await openEngineInParts(clock, retention);
  const { path: dataDir, log } = parts.folder;
  return {
    ...parts,
    openOther: async () => openConversations({ dataDir, clock, emit: log.emit, sync: "normal" }),
  };
});
