import type { PresentUser, ServerFrameOf } from "../../protocol/server-frames.ts";

export type Presence = Omit<ServerFrameOf<"presence">, "type">;
export type Typing = Omit<ServerFrameOf<"typing">, "type">;

/** What the application is told of people, in this order. */
export type PresenceEvent =
  | { readonly event: "presence"; readonly body: Presence }
  | { readonly event: "typing"; readonly body: Typing };

/** Who is in a conversation, up to where each has read, and who types. */
export interface PresenceTracker {
  /** Who is there. */
  present(): readonly PresentUser[];
  /** A connection was let in: who came and went since the last one. `now`: milliseconds since 1970. */
  welcome(present: readonly PresentUser[], isNewEpoch: boolean, now: number): readonly PresenceEvent[];
  presence(presence: Presence): readonly PresenceEvent[];
  typing(typing: Typing): readonly PresenceEvent[];
  setReadMark(user: string, seq: number): void;
  /** The line is gone: what would end a user's typing may be lost with it. */
  onDisconnect(): readonly PresenceEvent[];
}

export function createPresenceTracker(): PresenceTracker {
  let present: readonly PresentUser[] = [];
  /** Up to where each user has read, those who have left too: who comes back has not forgotten it. */
  const readMarks = new Map<string, number>();
  const typing = new Set<string>();

  function withReadMark(user: string, since: number): PresentUser {
    const read = readMarks.get(user);
    return { user, since, ...(read !== undefined && { read }) };
  }

  function endTyping(user: string): readonly PresenceEvent[] {
    return typing.delete(user) ? [{ event: "typing", body: { user, active: false } }] : [];
  }

  return {
    present: () => present,
    welcome(next, isNewEpoch, now) {
      const before = present;
      if (isNewEpoch) readMarks.clear();
      for (const { user, read } of next) if (read !== undefined) readMarks.set(user, read);
      present = next;
      const left = without(before, next).map(({ user }) => ({ user, state: "left", at: now }) as const);
      const joined = without(next, before).map(
        ({ user, since }) => ({ user, state: "joined", at: since }) as const,
      );
      return [...left, ...joined].map((body) => ({ event: "presence", body }));
    },
    presence(body) {
      const { user, state, at } = body;
      const others = present.filter((one) => one.user !== user);
      present = state === "joined" ? [...others, withReadMark(user, at)] : others;
      // Who has just come does not type either.
      return [...endTyping(user), { event: "presence", body }];
    },
    typing(body) {
      if (!body.active) return endTyping(body.user);
      typing.add(body.user);
      return [{ event: "typing", body }];
    },
    setReadMark(user, seq) {
      if (seq <= (readMarks.get(user) ?? 0)) return;
      readMarks.set(user, seq);
      present = present.map((one) => (one.user === user ? { ...one, read: seq } : one));
    },
    onDisconnect: () => [...typing].flatMap(endTyping),
  };
}

/** Those of `some` who are not among `others`. */
function without(some: readonly PresentUser[], others: readonly PresentUser[]): readonly PresentUser[] {
  return some.filter(({ user }) => !others.some((other) => other.user === user));
}
