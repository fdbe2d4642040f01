import { Command } from "commander";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import {
  DEFAULT_INBOX_LIMIT,
  type InboxFrame,
  type InboxItem,
  type InboxPreview,
  MAX_INBOX_LIMIT,
} from "../../protocol/frames/inbox-frames.ts";
import { integerOption } from "../flag-values.ts";
import { fetchInbox } from "../server/server-api.ts";
import { signIn } from "../server/sign-in.ts";
import { addTargetFlags, loadTarget, type TargetFlags } from "../server/target.ts";
import { print, printJson } from "../terminal/print.ts";
import { formatTable } from "../terminal/table.ts";

interface InboxFlags extends TargetFlags {
  readonly limit: number;
  readonly all?: boolean;
  readonly json?: boolean;
}

const NOTE = `
It is free, and marks nothing as read.

  parley inbox --user user1
  parley inbox --all --json`;

/** `parley inbox`: lists the conversations of the user, newest first, with what is unread. */
export function inboxCommand(): Command {
  const command = new Command("inbox").description("list your conversations, with what is unread");
  command.addOption(
    integerOption(command, "--limit <count>", "conversations of a page", 1, MAX_INBOX_LIMIT).default(
      DEFAULT_INBOX_LIMIT,
    ),
  );
  command
    .option("--all", "list all conversations, not one page")
    .option("--json", "print JSON: the answer of the server, with the items of all pages");
  return addTargetFlags(command, { conversation: false }).addHelpText("after", NOTE).action(inbox);
}

async function inbox(flags: InboxFlags): Promise<void> {
  const target = loadTarget(flags);
  const credential = await signIn(target);
  const first = await fetchInbox(target, credential, { limit: flags.limit });
  const items = [...first.items];
  let last: InboxPage = first;
  while (flags.all && last.cursor !== undefined) {
    last = await fetchInbox(target, credential, { limit: flags.limit, cursor: last.cursor });
    items.push(...last.items);
  }
  const { cursor, ...rest } = first;
  if (flags.json)
    printJson({ ...rest, items, more: last.more, ...(last.more && { cursor: last.cursor }) }, 2);
  else print(formatInbox({ ...first, items, more: last.more }, credential.user));
}

type InboxPage = Omit<InboxFrame, "type">;

function formatInbox(page: InboxPage, user: string): string {
  const { items, more, unread_total: unread, unread_conversations: conversations } = page;
  if (items.length === 0) return `${escapeControlChars(user)} is in no conversation.`;
  const rows = items.flatMap((item) => ("removed" in item ? [] : [formatRow(item)]));
  const lines = [
    formatTable([["unread", "conversation", "time", "newest message"], ...rows]),
    unread === 0
      ? "Nothing is unread."
      : `${counted(unread, "unread message")} in ${counted(conversations, "conversation")}.`,
  ];
  if (more) lines.push("There are more: --all lists them.");
  return lines.join("\n");
}

/** `1 conversation`, `2 conversations`. */
function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function formatRow({ conversation, title, unread, at, last }: InboxItem): string[] {
  return [
    unread === 0 ? "" : String(unread),
    title === undefined ? conversation : `${conversation} (${title})`,
    new Date(at).toISOString(),
    last === null ? "–" : `${last.from}: ${previewOf(last)}`,
  ];
}

/** The text of a message, and of one without text what it is. */
function previewOf({ text, erased }: InboxPreview): string {
  if (erased) return "(erased)";
  return text === "" ? "(data)" : text;
}
