// The keys of a conversation without its messages, as the scripts of this engine write them.
import type {
  ChangeRecord,
  ConversationRecord,
  MemberRecord,
  ReactionRecord,
} from "../../../core/migration/records.ts";
import { digestOf, encodeValue } from "../changes/encoding.ts";
import type { ConversationPart, Keys } from "../connection/keys.ts";
import { encodeMember, encodeSanction, guardOf } from "../members/encoding.ts";
import type { KeyContent } from "./contents.ts";

/** Returns the keys of a conversation without its messages. `epoch`: of the store. */
export function conversationContents(keys: Keys, record: ConversationRecord, epoch: string): KeyContent[] {
  const { id, members, marks, by } = record;
  const key = (part: ConversationPart) => keys.conversationKey(id, part);
  const present = members.filter(({ role }) => role !== undefined);
  const contents: KeyContent[] = [
    hash(key("meta"), metaFields(record, epoch)),
    hash(
      key("members"),
      present.map((member) => [member.user, encodeMember({ ...member, role: member.role!, seq: 0 })]),
    ),
    { key: key("names"), kind: "z", values: present.flatMap(({ user }) => ["0", user]) },
    hash(key("gone"), goneFields(members)),
    hash(key("muted"), sanctionFields(members, "muted")),
    hash(key("banned"), sanctionFields(members, "banned")),
    hash(
      key("marks"),
      marks.filter(({ seq }) => seq > 0).map(({ user, seq, at }) => [user, `${seq} ${at}`]),
    ),
    // The head names the sender of the newest message.
    hash(
      key("sent"),
      marks.filter(({ user, sent }) => sent > 0 && user !== by).map(({ user, sent }) => [user, String(sent)]),
    ),
    ...changeContents(keys, record),
  ];
  return contents.filter(({ values }) => values.length > 0);
}

/** A conversation without a message, facts or a removal has no `seq` and no epoch of its own. */
function metaFields(record: ConversationRecord, epoch: string): [string, string][] {
  const { seq, at, by, removals, removedSeq, removedAt, keepMessages, keepDays } = record;
  const { facts, revision, rev, changedAt, members } = record;
  const hasSanctions = members.some(({ muted, banned }) => muted !== undefined || banned !== undefined);
  const guard = (facts === undefined ? "" : guardOf(JSON.parse(facts))) + (hasSanctions ? "s" : "");
  const owners = members.filter(({ role }) => role === "owner").length;
  const wasRemoved = removals > 0;
  const fields: [string, string, boolean][] = [
    ["epoch", epoch, seq > 0 || facts !== undefined || wasRemoved],
    ["seq", String(seq), seq > 0],
    ["at", String(at), at > 0],
    ["by", by, by !== ""],
    ["messages", String(keepMessages), keepMessages !== null],
    ["days", String(keepDays), keepDays !== null],
    ["removals", String(removals), wasRemoved],
    ["removed_seq", String(removedSeq), wasRemoved && seq > 0],
    ["removed_at", String(removedAt), wasRemoved],
    ["facts", facts ?? "", facts !== undefined],
    ["guard", guard, guard !== ""],
    ["owners", String(owners), members.length > 0 || facts !== undefined],
    ["revision", String(revision), revision > 0],
    ["changed", String(changedAt), changedAt > 0],
    ["rev", `${rev} ${newestChangeAt(record)}`, rev > 0],
  ];
  return fields.flatMap(([field, value, isThere]) => (isThere ? [[field, value] as [string, string]] : []));
}

function goneFields(members: readonly MemberRecord[]): [string, string][] {
  return members.flatMap(({ user, role, left, changedAt }): [string, string][] => {
    if (role === undefined) return [[user, left ? `${changedAt} l` : String(changedAt)]];
    return left ? [[user, "0 l"]] : [];
  });
}

function sanctionFields(members: readonly MemberRecord[], kind: "muted" | "banned"): [string, string][] {
  return members.flatMap((member): [string, string][] => {
    const sanction = member[kind];
    return sanction === undefined ? [] : [[member.user, encodeSanction(sanction)]];
  });
}

/** What changes have made of messages (lua/changes/present.lua). */
function changeContents(keys: Keys, record: ConversationRecord): KeyContent[] {
  const { id, rev, changes, reactions } = record;
  if (rev === 0) return [];
  const key = (part: ConversationPart) => keys.conversationKey(id, part);
  const newest = `${rev} ${newestChangeAt(record)}`;
  const ofMessage = Map.groupBy(reactions, ({ seq }) => seq);
  return [
    hash(key("changes"), [
      ["rev", newest],
      ...changes.map((change) => changeField(change, ofMessage.get(change.seq) ?? [])),
      ...ownReactions(reactions),
    ]),
    {
      key: key("revs"),
      kind: "z",
      values: changes.flatMap((change) => [String(change.rev), String(change.seq)]),
    },
    { key: key("rounds"), kind: "z", values: [String(rev), newest] },
    ...reactionUsers(keys, id, reactions),
  ];
}

function changeField({ seq, at, state, body }: ChangeRecord, reactions: readonly ReactionRecord[]) {
  const digests = [...new Set(reactions.map(({ name }) => digestOf(name)))];
  return [String(seq), encodeValue({ at, digests, state, body })] as [string, string];
}

function ownReactions(reactions: readonly ReactionRecord[]): [string, string][] {
  const own = Map.groupBy(reactions, ({ seq, user }) => `${seq} ${user}`);
  return [...own].map(([field, some]) => [field, JSON.stringify(some.map(({ name }) => name))]);
}

function reactionUsers(keys: Keys, id: string, reactions: readonly ReactionRecord[]): KeyContent[] {
  const groups = Map.groupBy(reactions, ({ seq, name }) => `${seq}:${digestOf(name)}`);
  return [...groups].map(([part, some]) => ({
    key: `${keys.conversationName(id)}:by:${part}`,
    kind: "z",
    values: some.flatMap(({ rev, user }) => [String(rev), user]),
  }));
}

/** The message of the newest change may not be kept any more; then another time serves as well. */
function newestChangeAt({ changes, at }: ConversationRecord): number {
  const newest = changes.reduce<ChangeRecord | undefined>(
    (found, change) => (found === undefined || change.rev > found.rev ? change : found),
    undefined,
  );
  return newest?.at ?? at;
}

function hash(key: string, fields: readonly (readonly [string, string])[]): KeyContent {
  return { key, kind: "h", values: fields.flat() };
}
