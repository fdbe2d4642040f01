import { escapeControlChars } from "../../core/escape-control-chars.ts";
import type { MemberStore } from "../../core/ports/conversation/members.ts";
import type { ConversationStore } from "../../core/ports/conversations.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { printNote } from "../terminal/print.ts";
import type { CommandAccounts, CommandPersons, StoreProvider } from "./provider.ts";
import { storeProvider } from "./providers.ts";

/** Runs `task` on accounts, API keys, webhooks, revocations and digests of signing keys, beside the servers that may run on them, and closes them again. */
export function withStore<T>(
  settings: Settings,
  task: (opened: Omit<CommandAccounts, "close">) => Promise<T>,
): Promise<T> {
  return withOpened<CommandAccounts, T>(settings, (provider) => provider.openAccounts(), task);
}

/** Runs `task` on the conversations, beside the servers that may run on them, and closes them again. */
export function withConversations<T>(
  settings: Settings,
  task: (conversations: ConversationStore) => Promise<T>,
): Promise<T> {
  return withOpened(settings, (provider) => provider.openConversations(), task);
}

/** Runs `task` on the facts and members of conversations, beside the servers that may run on them, and closes them again. */
export function withMembers<T>(settings: Settings, task: (members: MemberStore) => Promise<T>): Promise<T> {
  return withOpened(
    settings,
    (provider) => provider.openMembers(),
    ({ members }) => task(members),
  );
}

/** Runs `task` on what the store has about persons, beside the servers that may run on it, and closes it again. */
export function withPersons<T>(
  settings: Settings,
  task: (persons: CommandPersons["persons"]) => Promise<T>,
): Promise<T> {
  return withOpened(
    settings,
    (provider) => provider.openPersons(),
    ({ persons }) => task(persons),
  );
}

async function withOpened<Opened extends { close(): unknown }, T>(
  settings: Settings,
  open: (provider: StoreProvider) => Promise<Opened>,
  task: (opened: Opened) => Promise<T>,
): Promise<T> {
  const provider = storeProvider(settings);
  const opened = await open(provider);
  try {
    return await task(opened).catch(provider.explainError);
  } finally {
    await opened.close();
  }
}

/** Removes conversations in a server's name; returns those that there were. */
export function removeConversations(
  settings: Settings,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  return withConversations(settings, async (conversations) => {
    const removed = new Set<string>();
    for (const id of ids) if (await conversations.remove(id)) removed.add(id);
    return removed;
  });
}

/** After a change: names the store on standard error where that depends on the current folder. */
export function printStorePath(settings: Settings): void {
  const { relativePath } = storeProvider(settings);
  if (relativePath !== undefined) printNote(`store: ${escapeControlChars(relativePath)}`);
}
