import type { Random } from "../support/random.ts";
import type { InboxWatcher } from "./clients/inbox-watcher.ts";
import type { Group, Operator } from "./membership/operator.ts";
import { OperatorApi } from "./membership/operator-api.ts";
import { excludes } from "./membership/sanction.ts";
import { oldestOf } from "./read-back.ts";
import { markAsRead, readInboxes } from "./read-inboxes.ts";
import type { ClientRecord, KnownMark, MembershipRecord, StoredConversation } from "./record.ts";
import type { Topology } from "./topology/topology.ts";

export interface MembershipParts {
  readonly topology: Topology;
  readonly groups: readonly Group[];
  readonly operator: Operator;
  readonly watchers: readonly InboxWatcher[];
  readonly records: readonly ClientRecord[];
  readonly stored: ReadonlyMap<string, StoredConversation>;
  /** Whether the store may have lost something at other times than the run knows of. */
  readonly uncertain: boolean;
  /** Whether the server removes old messages. */
  readonly retention: boolean;
  readonly random: Random;
}

/** Reads members, bans and inboxes from the server, after some last read marks. */
export async function readMembership({
  topology,
  groups,
  operator,
  watchers,
  records,
  stored,
  uncertain,
  retention,
  random,
}: MembershipParts): Promise<MembershipRecord> {
  const api = await OperatorApi.create(() => topology.url);
  const members = new Map<string, readonly string[]>();
  const expectedMembers = new Map<string, readonly string[]>();
  const banned = new Map<string, readonly string[]>();
  for (const { conversation, isPrivate, users } of groups) {
    members.set(conversation, await api.list(conversation, "members"));
    banned.set(conversation, await api.list(conversation, "bans"));
    const out = operator.inForce.filter((one) => one.conversation === conversation && excludes(one));
    const inside = users.filter((user) => !out.some((one) => one.user === user));
    if (isPrivate) expectedMembers.set(conversation, inside);
  }
  const readers = [...members].flatMap(([conversation, users]) =>
    users.map((user) => ({ conversation, user, least: newestKnown(conversation, user) })),
  );
  const confirmed = await markAsRead(topology.url, readers, stored, random);
  const marks = new Map<string, KnownMark>();
  for (const { conversation, user } of readers) {
    const key = `${conversation}/${user}`;
    marks.set(key, { confirmed: confirmed.get(key) ?? 0, joinedBy: operator.joinedBy.get(key) ?? 0 });
  }
  const users = new Set(records.map(({ user }) => user));
  const inboxes = await readInboxes(topology.urls, users, watchers);
  const oldestAfter = new Map<string, number>();
  if (retention)
    for (const conversation of stored.keys())
      oldestAfter.set(conversation, await oldestOf(topology.url, conversation));
  return {
    sanctions: operator.sanctions,
    tried: operator.tried,
    delay: topology.memberDelay,
    uncertain,
    members,
    expectedMembers,
    banned,
    inboxes,
    oldestAfter,
    marks,
  };

  /** A read mark up to here is not older than any that the user may have. */
  function newestKnown(conversation: string, user: string): number {
    const own = stored.get(conversation)?.messages.findLast(({ from }) => from === user)?.seq ?? 0;
    const sent = records
      .filter((record) => record.conversation === conversation && record.user === user)
      .flatMap(({ events }) => events.flatMap((event) => (event.kind === "marked" ? event.seq : [])));
    return Math.max(own, operator.joinedBy.get(`${conversation}/${user}`) ?? 0, ...sent);
  }
}
