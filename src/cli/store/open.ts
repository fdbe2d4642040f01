import { escapeControlChars } from "../../core/escape-control-chars.ts";
import type { MemberStore } from "../../core/ports/conversation/members.ts";
import type { ConversationStore } from "../../core/ports/conversations.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { printNote } from "../terminal/print.ts";
import type { CommandAccounts, CommandPersons } from "./provider.ts";
import { storeProvider } from "./providers.ts";

/** Runs `task` on accounts, API keys, webhooks, revocations and digests of signing keys, beside the servers that may run on them, and closes them again. */
export async function withStore<T>(
  settings: Settings,
  task: (opened: Omit<CommandAccounts, "close">) => Promise<T>,
): Promise<T> {
  const provider = storeProvider(settings);
  const { close, ...opened } = await provider.openAccounts();
  try {
    return await task(opened).catch(provider.explainError);
  } finally {
    await close();
  }
}

/** Runs `task` on the conversations, beside the servers that may run on them, and closes them again. */
export async function withConversations<T>(
  settings: Settings,
  task: (conversations: ConversationStore) => Promise<T>,
): Promise<T> {
  const provider = storeProvider(settings);
  const conversations = await provider.openConversations();
  try {
    return await task(conversations).catch(provider.explainError);
  } finally {
    await conversations.close();
  }
}

/** Runs `task` on the facts and members of conversations, beside the servers that may run on them, and closes them again. */
export async function withMembers<T>(
  settings: Settings,
  task: (members: MemberStore) => Promise<T>,
): Promise<T> {
  const provider = storeProvider(settings);
  const { members, close } = await provider.openMembers();
  try {
    return await task(members).catch(provider.explainError);
  } finally {
    await close();
  }
}

/** Runs `task` on what the store has about persons, beside the servers that may run on it, and closes it again. */
export async function withPersons<T>(
  settings: Settings,
  task: (persons: CommandPersons["persons"]) => Promise<T>,
): Promise<T> {
  const provider = storeProvider(settings);
  const { persons, close } = await provider.openPersons();
  try {
    return await task(persons).catch(provider.explainError);
  } finally {
    await close();
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
