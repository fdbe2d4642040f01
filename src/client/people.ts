import type { PresentUser, ServerFrameOf } from "../protocol/server-frames.ts";

export type Presence = Omit<ServerFrameOf<"presence">, "type">;
export type Typing = Omit<ServerFrameOf<"typing">, "type">;

/** What the application is told of people, in this order. */
export type PeopleEvent =
  | { readonly event: "presence"; readonly body: Presence }
  | { readonly event: "typing"; readonly body: Typing };

/** Who is in a conversation, up to where each has read, and who types. */
export interface People {
  /** Who is there. */
  present(): readonly PresentUser[];
  /** A connection was let in: who came and went since the last one. `now`: milliseconds since 1970. */
  welcome(present: readonly PresentUser[], isNewEpoch: boolean, now: number): readonly PeopleEvent[];
  presence(presence: Presence): readonly PeopleEvent[];
  typing(typing: Typing): readonly PeopleEvent[];
  read(user: string, seq: number): void;
  /** The line is gone: what would end a user's typing may be lost with it. */
  interrupted(): readonly PeopleEvent[];
}

export function createPeople(): People {
  let present: readonly PresentUser[] = [];
  /** Up to where each user has read, those who have left too: who comes back has not forgotten it. */
  const reads = new Map<string, number>();
  const typing = new Set<string>();

  function withRead(user: string, since: number): PresentUser {
    const read = reads.get(user);
    return { user, since, ...(read !== undefined && { read }) };
  }

  function endTyping(user: string): readonly PeopleEvent[] {
    return typing.delete(user) ? [{ event: "typing", body: { user, active: false } }] : [];
  }

  return {
    present: () => present,
    welcome(next, isNewEpoch, now) {
      const before = present;
      if (isNewEpoch) reads.clear();
      for (const { user, read } of next) if (read !== undefined) reads.set(user, read);
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
      present = state === "joined" ? [...others, withRead(user, at)] : others;
      // Who has just come does not type either.
      return [...endTyping(user), { event: "presence", body }];
    },
    typing(body) {
      if (!body.active) return endTyping(body.user);
      typing.add(body.user);
      return [{ event: "typing", body }];
    },
    read(user, seq) {
      if (seq <= (reads.get(user) ?? 0)) return;
      reads.set(user, seq);
      present = present.map((one) => (one.user === user ? { ...one, read: seq } : one));
    },
    interrupted: () => [...typing].flatMap(endTyping),
  };
}

/** Those of `some` who are not among `others`. */
function without(some: readonly PresentUser[], others: readonly PresentUser[]): readonly PresentUser[] {
  return some.filter(({ user }) => !others.some((other) => other.user === user));
}
