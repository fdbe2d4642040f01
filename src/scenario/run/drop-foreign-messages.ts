// Messages of users that are not part of a recording are not sent again in a run. They are removed from the expectations,
// and later `seq`s are shifted down accordingly:
//
//   recorded   41   42 (ann)   43 (foreign)   44 (bob)
//   expected   41   42 (ann)                  43 (bob)
import { isRecord } from "../compare/compare-frames.ts";
import { epochKeyOf } from "../compare/name-mapping.ts";
import type { Frame, Recording, RecordingEntry } from "../format/recording.ts";

export interface FilteredRecording {
  readonly recording: Recording;
  /** How many foreign messages were removed. */
  readonly dropped: number;
}

/** Returns a recording without foreign messages. A scenario stays unchanged: it may wait for another user's reply. */
export function dropForeignMessages(recording: Recording): FilteredRecording {
  if (recording.kind === "scenario") return { recording, dropped: 0 };
  const own = ownIds(recording.entries);
  const users = new Set(recording.clients.map(({ user }) => user));
  const conversations = new Map(recording.clients.map(({ name, conversation }) => [name, conversation]));
  const { foreign, bases } = foreignSeqs(recording.entries, own, conversations);
  const dropped = [...foreign.values()].reduce((sum, seqs) => sum + seqs.length, 0);
  const isForeign = (message: unknown) => !own.has(String((message as Frame | null)?.id));
  /** By client: the conversation and epoch of its connection. */
  const epochKeys = new Map<string, string>();

  const shiftSeq = (entry: RecordingEntry, value: unknown): unknown => {
    const seqs = foreign.get(epochKeys.get(entry.client) ?? "");
    return typeof value === "number" && seqs !== undefined
      ? value - seqs.filter((seq) => seq <= value).length
      : value;
  };

  const entries = recording.entries.flatMap((entry): RecordingEntry[] => {
    const conversation = conversations.get(entry.client) ?? "";
    if (entry.dir === "line" && entry.event === "open" && entry.after !== undefined) {
      epochKeys.set(entry.client, epochKeyOf(conversation, entry.epoch));
      return [{ ...entry, after: shiftSeq(entry, entry.after) as number }];
    }
    if ((entry.dir !== "in" && entry.dir !== "out") || entry.frame === undefined) return [entry];
    const { frame } = entry;
    if (entry.dir === "in" && frame.type === "welcome")
      epochKeys.set(entry.client, epochKeyOf(conversation, frame.epoch));
    if (entry.dir === "in" && frame.type === "message" && isForeign(frame)) return [];
    const isOthers = frame.type === "read" || frame.type === "typing" || frame.type === "presence";
    if (entry.dir === "in" && isOthers && !users.has(String(frame.user))) return [];
    // A read mark for a message from before the recording: in a new conversation that message does not exist.
    const base = bases.get(epochKeys.get(entry.client) ?? "") ?? 0;
    if (entry.dir === "in" && frame.type === "read" && Number(frame.seq) <= base) return [];
    const changed: Record<string, unknown> = { ...frame };
    for (const name of ["seq", "before", "after"])
      if (name in changed) changed[name] = shiftSeq(entry, changed[name]);
    for (const name of ["lost", "skipped"]) {
      const range = frame[name];
      if (isRecord(range))
        changed[name] = { ...range, first: shiftSeq(entry, range.first), last: shiftSeq(entry, range.last) };
    }
    if (Array.isArray(frame.present))
      changed.present = frame.present.filter((one) => users.has(String((one as Frame | null)?.user)));
    if (entry.dir === "in" && frame.type === "history" && Array.isArray(frame.messages)) {
      const messages = frame.messages.filter((message) => !isForeign(message));
      changed.messages = messages.map((message) => ({ ...message, seq: shiftSeq(entry, message.seq) }));
      // Without the foreign messages a page reaches further back.
      if (messages.length < frame.messages.length) changed.more = { $any: true };
    }
    return [{ ...entry, frame: changed } as RecordingEntry];
  });
  return { recording: { ...recording, entries }, dropped };
}

/** Returns the ids of messages that the recording's clients sent. Without an id, the server generated one: see the ack. */
function ownIds(entries: readonly RecordingEntry[]): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { dir, ...entry } of entries) {
    const frame = "frame" in entry ? entry.frame : undefined;
    const isOwn = dir === "out" || (dir === "in" && frame?.type === "ack");
    if (isOwn && typeof frame?.id === "string") ids.add(frame.id);
  }
  return ids;
}

/** Returns, by epoch key, the `seq`s of foreign messages, each once, and the newest `seq` when the recording connected. */
function foreignSeqs(
  entries: readonly RecordingEntry[],
  own: ReadonlySet<string>,
  conversations: ReadonlyMap<string, string>,
): { readonly foreign: ReadonlyMap<string, number[]>; readonly bases: ReadonlyMap<string, number> } {
  const epochKeys = new Map<string, string>();
  const bases = new Map<string, number>();
  const found = new Map<string, Set<number>>();
  for (const entry of entries) {
    if (entry.dir !== "in" || entry.frame === undefined) continue;
    const { type, seq, epoch, id } = entry.frame;
    if (typeof seq !== "number") continue;
    if (type === "welcome") {
      const epochKey = epochKeyOf(conversations.get(entry.client) ?? "", epoch);
      epochKeys.set(entry.client, epochKey);
      // Older messages existed before the recording.
      if (!bases.has(epochKey)) bases.set(epochKey, seq);
    }
    const epochKey = epochKeys.get(entry.client);
    if (type !== "message" || epochKey === undefined || own.has(String(id)) || seq <= bases.get(epochKey)!)
      continue;
    found.set(epochKey, (found.get(epochKey) ?? new Set()).add(seq));
  }
  return { foreign: new Map([...found].map(([epochKey, seqs]) => [epochKey, [...seqs]])), bases };
}
