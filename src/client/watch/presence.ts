import type { PresentUser } from "../../protocol/server-frames.ts";
import { type Conversation, innerOf } from "../conversation/types.ts";
import type { AnyData } from "../message.ts";
import type { Opened } from "../types/frames.ts";
import { createReadable, type Readable } from "../values/readable.ts";

/** Who is in a conversation now. */
export interface PresenceList {
  /** At most 100 users, each with their read mark. In a larger conversation the list stays as it was at opening. */
  readonly present: readonly PresentUser[];
  /** How many users are present. */
  readonly count: number;
  /** The other users who type. */
  readonly typing: readonly string[];
}

/** How long a user is shown as typing without a further frame, in milliseconds. The server ends it after 6 s; its frame may be lost with the line. */
const TYPING_MS = 7_000;

/** Keeps who is present in a conversation, and who types. */
export function watchPresence<Data extends object = AnyData>(
  conversation: Conversation<Data>,
): Readable<PresenceList> {
  const inner = innerOf(conversation);
  const known = inner.cache.get("presence");
  if (known !== undefined) return known as Readable<PresenceList>;
  /** The list was read since the conversation was opened. */
  let isKnown = false;
  /** Counts frames about who is present. */
  let frames = 0;
  const [readable, set] = createReadable<PresenceList>({ present: [], count: 0, typing: [] }, () => {
    if (inner.isOpen() && !isKnown) void load();
    return inner.use();
  });
  const ends = new Map<string, () => void>();
  const change = (changes: Partial<PresenceList>) => set({ ...readable.getSnapshot(), ...changes });

  /** The conversation was open before anything listened: reads who is there. */
  async function load(): Promise<void> {
    isKnown = true;
    try {
      const before = frames;
      const page = await inner.request<Pick<Opened, "present" | "present_count">>("GET", "/presence");
      // The answer may be older than a frame that came meanwhile.
      if (before !== frames) return load();
      change({ present: page.present, count: page.present_count ?? page.present.length });
    } catch {
      // The next opening brings the list.
      isKnown = false;
    }
  }

  function setTyping(user: string, active: boolean): void {
    ends.get(user)?.();
    if (active)
      ends.set(
        user,
        inner.after(TYPING_MS, () => setTyping(user, false)),
      );
    else ends.delete(user);
    const before = readable.getSnapshot().typing;
    if (before.includes(user) !== active)
      change({ typing: active ? [...before, user] : before.filter((one) => one !== user) });
  }

  inner.listen("opened", ({ present, present_count }) => {
    isKnown = true;
    frames++;
    change({ present, count: present_count ?? present.length });
  });
  inner.listen("presence_count", ({ count, present }) => {
    frames++;
    change({ count, ...(present && { present }) });
  });
  inner.listen("presence", ({ user, state, at }) => {
    frames++;
    const { present, count } = readable.getSnapshot();
    setTyping(user, false);
    const others = present.filter((one) => one.user !== user);
    // In a small conversation the list is complete.
    const isComplete = present.length === count;
    const next = state === "joined" ? [...others, { user, since: at }] : others;
    change({ present: next, count: isComplete ? next.length : count + (state === "joined" ? 1 : -1) });
  });
  inner.listen("typing", ({ user, active }) => setTyping(user, active));
  inner.listen("read", ({ user, seq }) =>
    change({
      present: readable
        .getSnapshot()
        .present.map((one) => (one.user === user && seq > (one.read ?? 0) ? { ...one, read: seq } : one)),
    }),
  );
  inner.listen("down", () => {
    isKnown = false;
    for (const user of [...ends.keys()]) setTyping(user, false);
  });
  inner.cache.set("presence", readable);
  return readable;
}
