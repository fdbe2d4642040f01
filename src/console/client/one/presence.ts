import type { PresentUser, ServerFrameOf } from "../../../protocol/server-frames.ts";

export type Presence = Omit<ServerFrameOf<"presence">, "type">;
export type Typing = Omit<ServerFrameOf<"typing">, "type">;

/** An event about other users, to deliver to the application. */
export type PresenceEvent =
  | { readonly event: "presence"; readonly body: Presence }
  | { readonly event: "typing"; readonly body: Typing };

/** Tracks which users are present in a conversation, their read marks, and which of them type. */
export interface PresenceTracker {
  /** Returns the present users. */
  present(): readonly PresentUser[];
  /**
   * A frame has listed the present users: returns who joined and left since the last list. `isNewEpoch`: known read marks are
   * void. `now`: milliseconds since 1970.
   */
  welcome(present: readonly PresentUser[], isNewEpoch?: boolean, now?: number): readonly PresenceEvent[];
  presence(presence: Presence): readonly PresenceEvent[];
  typing(typing: Typing): readonly PresenceEvent[];
  setReadMark(user: string, seq: number): void;
  /** The connection is lost, and with it maybe the frame that ends a user's typing: ends all typing. */
  onDisconnect(): readonly PresenceEvent[];
}

export function createPresenceTracker(): PresenceTracker {
  let present: readonly PresentUser[] = [];
  /** The read mark of each user. Users who left are kept: they may return. */
  const readMarks = new Map<string, number>();
  const typing = new Set<string>();

  function endTyping(user: string): readonly PresenceEvent[] {
    return typing.delete(user) ? [{ event: "typing", body: { user, active: false } }] : [];
  }

  return {
    present: () => present,
    welcome(next, isNewEpoch, now = Date.now()) {
      const before = present;
      if (isNewEpoch) readMarks.clear();
      for (const { user, read } of next) if (read !== undefined) readMarks.set(user, read);
      present = next;
      const event = (user: string, state: Presence["state"], at: number) =>
        ({ event: "presence", body: { user, state, at } }) as const;
      return [
        ...without(before, next).map(({ user }) => event(user, "left", now)),
        ...without(next, before).map(({ user, since }) => event(user, "joined", since)),
      ];
    },
    presence(body) {
      const { user, state, at } = body;
      const read = readMarks.get(user);
      present = present.filter((one) => one.user !== user);
      if (state === "joined")
        present = [...present, { user, since: at, ...(read !== undefined && { read }) }];
      // A user who has just joined is not typing either.
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

/** Returns the users of `some` that are not in `others`. */
function without(some: readonly PresentUser[], others: readonly PresentUser[]): readonly PresentUser[] {
  const users = new Set(others.map(({ user }) => user));
  return some.filter(({ user }) => !users.has(user));
}
