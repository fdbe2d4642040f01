// What was said in a recorded conversation by nobody of the recording cannot be said again. It is left out of what is
// expected, and the numbers after it move up, as they will be when nobody says it:
//
//   recorded   41   42 (ann)   43 (a stranger)   44 (bob)
//   expected   41   42 (ann)                     43 (bob)
import { isRecord } from "./compare.ts";
import { spaceOf } from "./names.ts";
import type { Entry, Frame, Recording } from "./recording.ts";

export interface Played {
  readonly recording: Recording;
  /** How many messages of strangers were left out. */
  readonly left: number;
}

/** A recording without what strangers said. A scenario is as it is: who wrote it may wait for somebody else's answer. */
export function withoutStrangers(recording: Recording): Played {
  if (recording.kind === "scenario") return { recording, left: 0 };
  const own = ownIds(recording.entries);
  const users = new Set(recording.clients.map(({ user }) => user));
  const places = new Map(recording.clients.map(({ name, conversation }) => [name, conversation]));
  const { strange, bases } = strangeNumbers(recording.entries, own, places);
  const left = [...strange.values()].reduce((sum, numbers) => sum + numbers.length, 0);
  const isStrange = (message: unknown) => !own.has(String((message as Frame | null)?.id));
  /** By client, the life of the conversation that its line is in. */
  const spaces = new Map<string, string>();

  const moved = (entry: Entry, value: unknown): unknown => {
    const numbers = strange.get(spaces.get(entry.client) ?? "");
    return typeof value === "number" && numbers !== undefined
      ? value - numbers.filter((number) => number <= value).length
      : value;
  };

  const entries = recording.entries.flatMap((entry): Entry[] => {
    const place = places.get(entry.client) ?? "";
    if (entry.dir === "line" && entry.event === "open" && entry.after !== undefined) {
      spaces.set(entry.client, spaceOf(place, entry.epoch));
      return [{ ...entry, after: moved(entry, entry.after) as number }];
    }
    if ((entry.dir !== "in" && entry.dir !== "out") || entry.frame === undefined) return [entry];
    const { frame } = entry;
    if (entry.dir === "in" && frame.type === "welcome") spaces.set(entry.client, spaceOf(place, frame.epoch));
    if (entry.dir === "in" && frame.type === "message" && isStrange(frame)) return [];
    const isOthers = frame.type === "read" || frame.type === "typing" || frame.type === "presence";
    if (entry.dir === "in" && isOthers && !users.has(String(frame.user))) return [];
    // A mark on a message from before: in a conversation of its own there is none to be marked.
    const base = bases.get(spaces.get(entry.client) ?? "") ?? 0;
    if (entry.dir === "in" && frame.type === "read" && Number(frame.seq) <= base) return [];
    const changed: Record<string, unknown> = { ...frame };
    for (const name of ["seq", "before", "after"])
      if (name in changed) changed[name] = moved(entry, changed[name]);
    for (const name of ["lost", "skipped"]) {
      const range = frame[name];
      if (isRecord(range))
        changed[name] = { ...range, first: moved(entry, range.first), last: moved(entry, range.last) };
    }
    if (Array.isArray(frame.present))
      changed.present = frame.present.filter((one) => users.has(String((one as Frame | null)?.user)));
    if (entry.dir === "in" && frame.type === "history" && Array.isArray(frame.messages)) {
      const messages = frame.messages.filter((message) => !isStrange(message));
      changed.messages = messages.map((message) => ({ ...message, seq: moved(entry, message.seq) }));
      // Without the others a page reaches further back.
      if (messages.length < frame.messages.length) changed.more = { $any: true };
    }
    return [{ ...entry, frame: changed } as Entry];
  });
  return { recording: { ...recording, entries }, left };
}

/** The ids of messages that the recording's clients sent; those without one got theirs from the server, in the ack. */
function ownIds(entries: readonly Entry[]): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { dir, ...entry } of entries) {
    const frame = "frame" in entry ? entry.frame : undefined;
    const isOwn = dir === "out" || (dir === "in" && frame?.type === "ack");
    if (isOwn && typeof frame?.id === "string") ids.add(frame.id);
  }
  return ids;
}

/** By space, the numbers of strangers' messages, each once, and the newest number when the recording came in. */
function strangeNumbers(
  entries: readonly Entry[],
  own: ReadonlySet<string>,
  places: ReadonlyMap<string, string>,
): { readonly strange: ReadonlyMap<string, number[]>; readonly bases: ReadonlyMap<string, number> } {
  const spaces = new Map<string, string>();
  const bases = new Map<string, number>();
  const found = new Map<string, Set<number>>();
  for (const entry of entries) {
    if (entry.dir !== "in" || entry.frame === undefined) continue;
    const { type, seq, epoch, id } = entry.frame;
    if (typeof seq !== "number") continue;
    if (type === "welcome") {
      const space = spaceOf(places.get(entry.client) ?? "", epoch);
      spaces.set(entry.client, space);
      // What is older was there before, and is no message of this recording anyway.
      if (!bases.has(space)) bases.set(space, seq);
    }
    const space = spaces.get(entry.client);
    if (type !== "message" || space === undefined || own.has(String(id)) || seq <= bases.get(space)!)
      continue;
    found.set(space, (found.get(space) ?? new Set()).add(seq));
  }
  return { strange: new Map([...found].map(([space, numbers]) => [space, [...numbers]])), bases };
}
