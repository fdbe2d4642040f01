import type { ClientEvent, ClientRecord, InboxRecord, RunRecord } from "../record.ts";
import type { Violation } from "./violation.ts";

/** How far a user has read, or how much is unread, at least and at most: the same number where it is known exactly. */
interface KnownRange {
  readonly least: number;
  readonly most: number;
}

/** Recounts each unread number from the log, and compares it with each place where the server shows it (IN1). */
export function inboxViolations(record: RunRecord): Violation[] {
  return record.inboxes.flatMap((inbox) => [...itemViolations(inbox, record), ...totalViolations(inbox)]);
}

/** The unread numbers that were recounted. */
export function recounted({ inboxes }: RunRecord): number {
  return inboxes.reduce((sum, { items }) => sum + items.length, 0);
}

function itemViolations({ user, source, items }: InboxRecord, record: RunRecord): Violation[] {
  const violations: Violation[] = [];
  const listed = new Map(items.map((item) => [item.conversation, item]));
  for (const [conversation, { messages }] of record.stored) {
    const add = (text: string) =>
      violations.push({ kind: "unread", conversation, text: `${source} of ${user}: ${text}` });
    const item = listed.get(conversation);
    listed.delete(conversation);
    const isMember = record.members.get(conversation)?.includes(user) === true;
    if (item === undefined) {
      if (isMember) add(`${conversation} is missing`);
      continue;
    }
    if (!isMember) add(`${conversation} is listed, to which the user does not belong`);
    const newest = messages.at(-1)?.seq ?? 0;
    const first = messages[0]?.seq ?? newest + 1;
    const range = readRange(record, conversation, user);
    if (item.seq !== newest) add(`${conversation} has the seq ${item.seq}, and the log ${newest}`);
    // Up to the oldest message that is kept everything counts as read: a mark below it changes nothing.
    if (Math.max(item.read, first - 1) < Math.max(range.least, first - 1) || item.read > range.most)
      add(`${conversation} is read up to ${item.read}; it should be ${inWords(range)}`);
    const unreadFrom = (oldest: number) => newest - Math.max(item.read, oldest - 1);
    const unread = {
      least: unreadFrom(record.oldestAfter.get(conversation) ?? first),
      most: unreadFrom(first),
    };
    if (item.unread < unread.least || item.unread > unread.most)
      add(`${conversation} has ${item.unread} unread, and by its log and read mark ${inWords(unread)}`);
  }
  for (const conversation of listed.keys())
    violations.push({ kind: "unread", text: `${source} of ${user} lists ${conversation}, which is unknown` });
  return violations;
}

/** The own newest message, the confirmed mark, and, unconfirmed, the marks of its clients and the time of its joining. */
function readRange(record: RunRecord, conversation: string, user: string): KnownRange {
  const { messages, epoch } = record.stored.get(conversation)!;
  const known = record.marks.get(`${conversation}/${user}`);
  const events = record.clients
    .filter((client) => client.user === user && client.conversation === conversation)
    .flatMap((client) => eventsIn(client, epoch));
  const own = messages.findLast(({ from }) => from === user)?.seq ?? 0;
  // For messages removed by retention, clients are the only evidence.
  const acked = record.retention ? events.flatMap((event) => (event.kind === "acked" ? event.seq : [])) : [];
  const least = Math.max(own, known?.confirmed ?? 0);
  const sent = events.flatMap((event) => (event.kind === "marked" ? event.seq : []));
  return { least, most: Math.max(least, known?.joinedBy ?? 0, ...sent, ...acked) };
}

/** What happened to a client since it first saw the epoch. */
function eventsIn({ events }: ClientRecord, epoch: string): readonly ClientEvent[] {
  const from = events.findIndex((event) => event.kind === "joined" && event.epoch === epoch);
  return from === -1 ? [] : events.slice(from);
}

function inWords({ least, most }: KnownRange): string {
  return least === most ? String(least) : `${least} to ${most}`;
}

function totalViolations({
  user,
  source,
  items,
  unread_total,
  unread_conversations,
}: InboxRecord): Violation[] {
  const sum = items.reduce((total, { unread }) => total + unread, 0);
  const count = items.filter(({ unread }) => unread > 0).length;
  if (sum === unread_total && count === unread_conversations) return [];
  const text = `${source} of ${user} has the totals ${unread_total} in ${unread_conversations}, and its items ${sum} in ${count}`;
  return [{ kind: "unread", text }];
}
