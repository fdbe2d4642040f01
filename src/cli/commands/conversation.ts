import { Command } from "commander";
import { encodeEntry } from "../../core/conversation/entry.ts";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { accessOf } from "../../core/members/standing.ts";
import {
  type ConversationStore,
  type ConversationSummary,
  EpochChanged,
} from "../../core/ports/conversations.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { integerOption } from "../flag-values.ts";
import { addStoreFlags, loadStoreSettings } from "../setting-flags.ts";
import { printStorePath, withConversations, withMembers } from "../store/open.ts";
import { storeProvider } from "../store/providers.ts";
import { confirm } from "../terminal/confirm.ts";
import { print, printEncodedLines, printJson } from "../terminal/print.ts";
import { createCommand, memberCommand, requireIdentifier, sanctionCommand } from "./conversation-members.ts";

const NOTE = `
  parley conversation create team --access members --title "Our team" --member ann:owner --member ben
  parley conversation member add team cem --role moderator
  parley conversation mute add team ben --seconds 600 --reason "off topic"
  parley conversation member list team --json`;

/** The open store, and the arguments of the command line. */
interface Task {
  readonly settings: Settings;
  readonly conversations: ConversationStore;
  readonly id: string;
  readonly flags: ConversationFlags;
}

interface ConversationFlags {
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly messages?: number;
  readonly days?: number;
  readonly default?: boolean;
}

/** `parley conversation …`: manages the conversations in the store, also while servers use it. */
export function conversationCommand(): Command {
  const conversation = new Command("conversation").description(
    "make, list, show, export and remove conversations; members, mutes and bans",
  );

  const verb = (usage: string, about: string, task: (task: Task) => unknown, after?: AfterTask) =>
    addStoreFlags(conversation.command(usage).description(about)).action(async (...given: unknown[]) => {
      const command = given.at(-1) as Command;
      const flags = command.opts();
      const [id] = command.args;
      if (id !== undefined) requireIdentifier(id);
      if (task === retain) checkRetention(flags);
      const settings = loadStoreSettings(flags);
      await withConversations(settings, async (conversations) =>
        task({ conversations, settings, id: id ?? "", flags }),
      );
      await after?.(settings);
      if (task === remove || task === retain) printStorePath(settings);
    });

  conversation.addCommand(createCommand());
  verb("list", "list all conversations", list).option("--json", JSON_OUTPUT);
  verb("show <conversation>", "show one conversation", show).option("--json", JSON_OUTPUT);
  verb("export <conversation>", "print all messages in order, one JSON object per line", exportAll);
  verb("remove <conversation>", "permanently remove a conversation and its messages", remove, (settings) =>
    storeProvider(settings).purgeRemoved(),
  ).option("--yes", "do not ask for confirmation");
  const retained = verb("retain <conversation>", "set how long a conversation keeps its messages", retain);
  const count = (flags: string, about: string) => integerOption(retained, flags, about, 0, MAX_RETENTION);
  retained
    .addOption(count("--messages <count>", "keep only the newest messages; 0: no limit"))
    .addOption(count("--days <days>", "keep messages for so many days; 0: no limit"))
    .option("--default", "use RETENTION_MESSAGES and RETENTION_DAYS again");
  for (const command of [memberCommand(), sanctionCommand("mute"), sanctionCommand("ban")])
    conversation.addCommand(command);
  return conversation.addHelpText("after", NOTE);
}

type AfterTask = (settings: Settings) => Promise<void>;

/** The most messages, and the most days, that a conversation can be set to keep. */
const MAX_RETENTION = 999_999_999;

const JSON_OUTPUT = "print JSON, for scripts";

async function list({ conversations, flags }: Task): Promise<void> {
  const all = await conversations.list();
  if (flags.json) return void printJson(all.map(jsonFields), 2);
  if (all.length === 0) return print("There are no conversations yet.");
  const width = Math.max(...all.map(({ id }) => escapeControlChars(id).length));
  for (const summary of all) {
    const { kept, last } = formatFields(summary);
    print(`${escapeControlChars(summary.id).padEnd(width)}  ${kept.padEnd(24)}  ${last}`);
  }
}

async function show({ conversations, settings, id, flags }: Task): Promise<void> {
  const summary = await requireConversation(conversations, id);
  const marks = await conversations.readMarks(id);
  const view = await withMembers(settings, (members) => members.read(id, []));
  const access = accessOf(view);
  const title = view.facts?.title;
  if (flags.json) {
    const facts = { access, title: title ?? null, members: view.members, owners: view.owners };
    return void printJson({ ...jsonFields(summary), ...facts, read: Object.fromEntries(marks) }, 2);
  }
  const { kept, last, keeps } = formatFields(summary);
  print(`conversation  ${id}\nmessages      ${kept}\nlast          ${last}\nkeeps         ${keeps}`);
  if (title !== undefined) print(`title         ${escapeControlChars(title)}`);
  print(`access        ${access}\nmembers       ${view.members} (owners: ${view.owners})`);
  for (const [user, seq] of marks) print(`read          ${escapeControlChars(user)} up to ${seq}`);
}

async function exportAll({ conversations, id }: Task): Promise<void> {
  await requireConversation(conversations, id);
  let written = 0;
  try {
    await printEncodedLines(encodedEntries(conversations, id), (count) => {
      written = count;
    });
  } catch (error) {
    if (!(error instanceof EpochChanged)) throw error;
    throw new CliError(
      `The export is not complete: ${error.message} ${written} ${written === 1 ? "line was" : "lines were"} written.`,
    );
  }
  // It may have been removed before the first page.
  if (written === 0) await requireConversation(conversations, id);
}

async function* encodedEntries(conversations: ConversationStore, id: string): AsyncGenerator<string> {
  for await (const entry of conversations.entries(id)) yield encodeEntry(entry);
}

async function remove({ conversations, id, flags }: Task): Promise<void> {
  const summary = await requireConversation(conversations, id);
  if (!flags.yes)
    await confirm(`Permanently remove ${id} (${formatFields(summary).kept})?`, "Nothing was removed.");
  await conversations.remove(id);
  print(
    `Removed ${id}. Its connections are closed. If it is used again, its seqs continue after ${summary.seq}.`,
  );
}

async function retain({ conversations, id, flags }: Task): Promise<void> {
  const { keep } = await requireConversation(conversations, id);
  const own = flags.default
    ? { messages: null, days: null }
    : { messages: flags.messages ?? keep.messages, days: flags.days ?? keep.days };
  await conversations.retain(id, own);
  print(`${id} keeps ${formatFields(await requireConversation(conversations, id)).keeps}.`);
}

function checkRetention({ messages, days, default: isDefault }: ConversationFlags): void {
  const isGiven = messages !== undefined || days !== undefined;
  if (isGiven === (isDefault === true))
    throw new UsageError("Give --messages, --days or both, or --default alone.");
}

async function requireConversation(
  conversations: ConversationStore,
  id: string,
): Promise<ConversationSummary> {
  const summary = await conversations.find(id);
  if (summary !== undefined) return summary;
  throw new CliError(
    `There is no conversation ${JSON.stringify(id)}; \`parley conversation list\` lists all.`,
  );
}

function jsonFields({ id, seq, first, lastAt, keep }: ConversationSummary): object {
  return {
    conversation: id,
    messages: seq - first + 1,
    first,
    seq,
    last_at: lastAt === undefined ? null : new Date(lastAt).toISOString(),
    keep_messages: keep.messages,
    keep_days: keep.days,
  };
}

function formatFields({ seq, first, lastAt, keep }: ConversationSummary) {
  return {
    kept:
      first > seq
        ? seq === 0
          ? "no messages"
          : `no messages (${seq} removed)`
        : first === seq
          ? `1 message (${seq})`
          : `${seq - first + 1} messages (${first}–${seq})`,
    last: lastAt === undefined ? "–" : new Date(lastAt).toISOString(),
    keeps: describeRetention(keep),
  };
}

/** What a conversation keeps, as the end of a sentence: `its newest 1000 messages, for 30 days at most`. */
function describeRetention({ messages, days }: ConversationSummary["keep"]): string {
  if (messages === null && days === null) return "what RETENTION_MESSAGES and RETENTION_DAYS say";
  const number =
    messages === null
      ? "as many messages as RETENTION_MESSAGES says"
      : messages === 0
        ? "all its messages"
        : messages === 1
          ? "its newest message"
          : `its newest ${messages} messages`;
  if (days === null) return `${number}, for as long as RETENTION_DAYS says`;
  if (days === 0) return `${number}, of any age`;
  return `${number}, for ${days === 1 ? "1 day" : `${days} days`} at most`;
}
