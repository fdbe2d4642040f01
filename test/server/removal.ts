import { withConversations } from "../../src/cli/store/open.ts";
import { readSettings } from "../../src/server/settings/read.ts";
import { SECRET } from "../support/server/test-server.ts";

/** Removes a conversation as `parley conversation remove` does, next to the servers with the same settings. */
export async function removeConversation(
  env: Readonly<Record<string, string>>,
  conversation = "lobby",
): Promise<void> {
  const read = readSettings({ env: { SECRET_KEY: SECRET, ...env } });
  if ("problems" in read) throw new Error(read.problems.join("\n"));
  await withConversations(read.settings, async (conversations) => {
    if (!(await conversations.remove(conversation))) throw new Error(`There is no ${conversation}.`);
  });
}
