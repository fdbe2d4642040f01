import { type Conversation, innerOf } from "../conversation/types.ts";
import type { AnyData } from "../message.ts";
import { checkName } from "../types/check-name.ts";
import type { MemberChange, Muted, Role } from "../types/frames.ts";
import { createReadable, type Readable } from "../values/readable.ts";

/** A user who belongs to a conversation. */
export interface Member {
  readonly user: string;
  readonly role: Role;
  /** When the user joined, in milliseconds since 1970. */
  readonly since: number;
  /** How far the user has read. */
  readonly read?: number;
}

export interface MemberList {
  readonly members: readonly Member[];
  readonly hasMore: boolean;
}

/** For how long, in seconds (without: until it is taken back), and why. */
export interface Sanction {
  readonly seconds?: number;
  readonly reason?: string;
}

/** The members of a conversation. It is live while the conversation is open. */
export interface MemberWatch extends Readable<MemberList> {
  loadMore(): Promise<void>;
  /** Adds a user, or changes a role. */
  put(user: string, role?: Role): Promise<void>;
  remove(user: string): Promise<void>;
  mute(user: string, sanction?: Sanction): Promise<Muted>;
  unmute(user: string): Promise<void>;
  ban(user: string, sanction?: Sanction): Promise<Muted>;
  unban(user: string): Promise<void>;
}

interface Page {
  readonly members: readonly Member[];
  readonly more: boolean;
  readonly cursor?: string;
}

/** Keeps the members of a conversation, and changes them. */
export function watchMembers<Data extends object = AnyData>(conversation: Conversation<Data>): MemberWatch {
  const inner = innerOf(conversation);
  const known = inner.cache.get("members");
  if (known !== undefined) return known as MemberWatch;
  let cursor: string | undefined;
  let uses = 0;
  const [readable, set] = createReadable<MemberList>({ members: [], hasMore: false }, () => {
    uses++;
    load();
    return () => void uses--;
  });

  const members = () => readable.getSnapshot().members;
  const setMembers = (next: readonly Member[]) => set({ ...readable.getSnapshot(), members: next });

  async function loadPage(before: readonly Member[], from?: string): Promise<void> {
    const page = await inner.request<Page>(
      "GET",
      `/members${from === undefined ? "" : `?cursor=${encodeURIComponent(from)}`}`,
    );
    ({ cursor } = page);
    const names = new Set(page.members.map(({ user }) => user));
    set({ members: [...before.filter(({ user }) => !names.has(user)), ...page.members], hasMore: page.more });
  }

  /** Loads the list again. A refusal leaves the list as it is: `loadMore()` rejects with it. */
  function load(): void {
    loadPage([]).catch(() => {});
  }

  function apply({ user, change, role, at }: Pick<MemberChange, "user" | "change" | "role" | "at">): void {
    const others = members().filter((one) => one.user !== user);
    if (change === "removed" || change === "banned") setMembers(others);
    else if (change === "added" && others.length === members().length)
      setMembers([...others, { user, role: role ?? "member", since: at }]);
    else if (role !== undefined)
      setMembers(members().map((one) => (one.user === user ? { ...one, role } : one)));
  }

  /** Sends a change, and applies it: the frame about it comes only while the conversation is open. */
  async function change<T>(
    method: string,
    list: string,
    user: string,
    body: unknown,
    applied?: Pick<MemberChange, "change" | "role">,
  ): Promise<T> {
    const answer = await inner.request<T>(method, `/${list}/${encodeURIComponent(checkName(user))}`, body);
    if (applied !== undefined) apply({ ...applied, user, at: Date.now() });
    return answer;
  }

  inner.listen("member", apply);
  // Changes were missed while it was not open.
  inner.listen("opened", () => uses > 0 && load());

  const watch: MemberWatch = {
    ...readable,
    loadMore: () => loadPage(cursor === undefined ? [] : members(), cursor),
    async put(user, role) {
      await change("PUT", "members", user, { role }, { change: "added", role });
      if (role !== undefined) apply({ user, change: "role", role, at: 0 });
    },
    remove: (user) => change("DELETE", "members", user, undefined, { change: "removed" }),
    mute: (user, sanction = {}) => change("PUT", "mutes", user, sanction),
    unmute: (user) => change("DELETE", "mutes", user, undefined),
    ban: (user, sanction = {}) => change("PUT", "bans", user, sanction, { change: "banned" }),
    unban: (user) => change("DELETE", "bans", user, undefined),
  };
  inner.cache.set("members", watch);
  return watch;
}
