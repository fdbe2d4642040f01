// A store with everything that a person can leave in it, among that of many others.
import { expect } from "bun:test";
import type { Change } from "../../../src/core/changes/decide-change.ts";
import type { ConversationChange } from "../../../src/core/members/records.ts";
import type { Store } from "../../../src/core/ports/store.ts";
import { messageContent } from "../../support/entries.ts";

/** A name that is in no other text of a store. */
export const NAME = "zelda.fitz-1931";
/** Those around it in a sorted table. */
const NEIGHBOURS = ["zelda.a", "zelda.fitz-1930", "zelda.fitz-1932", "zelda.z"];
/** Texts of the person, in the ways in which a text can come into a store. */
export const SECRETS = Array.from({ length: 10 }, (_, i) => `secret-${i}-of-hers`);
const OTHERS = 120;
const AT = 1_735_689_600_000;

const other = (i: number) => `user-${i}`;

/** What the person has, by the type of record, as an export counts it. */
export const EXPECTED: Readonly<Record<string, number>> = {
  account: 1,
  sign_in: 1,
  revocation: 1,
  requests: 1,
  membership: 6,
  read_mark: 1,
  message: 40,
  reaction: 2,
  erasure: 2,
  sanction_given: 2,
  stream: 1,
};

export class Life {
  constructor(private readonly store: Store) {}

  post(conversation: string, user: string, text: string, data?: object, joins = true): Promise<number> {
    const request = {
      conversation,
      user,
      limit: 1_000_000,
      id: `${text.slice(0, 40)} ${crypto.randomUUID().slice(0, 8)}`,
    };
    return new Promise((resolve, reject) =>
      this.store.engine.post(
        {
          ...request,
          ...messageContent(text, data as never),
          ...(joins && { joins: { members: 10_000, conversations: 10_000 } }),
        },
        (result) => (result.outcome === "stored" ? resolve(result.seq) : reject(new Error(result.outcome))),
      ),
    );
  }

  change(conversation: string, seq: number, user: string, change: Change, moderates = false): Promise<void> {
    // A change that is charged, and has an id, is remembered for its repeat.
    const charged = change.kind === "edit" ? { limit: 1_000_000, id: "edit-1" } : { limit: 0 };
    const request = { conversation, seq, user, change, moderates, ...charged };
    return new Promise((resolve, reject) =>
      this.store.engine.changes.change(request, ({ outcome }) =>
        outcome === "changed" ? resolve() : reject(new Error(`${change.kind}: ${outcome}`)),
      ),
    );
  }

  async standing(conversation: string, { news = [], ...change }: Partial<ConversationChange>): Promise<void> {
    const { revision } = await this.store.members.read(conversation, []);
    expect(await this.store.members.change(conversation, revision, { ...change, news })).toBe(true);
  }

  private async stream(conversation: string, user: string, id: string, text: string, replyTo?: number) {
    const { streams } = this.store.engine;
    const started = await new Promise<{ stream: string; generation: number }>((resolve, reject) =>
      streams.start(
        {
          conversation,
          user,
          id,
          limit: 0,
          data: JSON.stringify({ note: text }),
          ...(replyTo && { replyTo }),
        },
        (result) => ("stream" in result ? resolve(result) : reject(new Error(result.outcome))),
      ),
    );
    const writer = { conversation, stream: started.stream, generation: started.generation };
    await new Promise((resolve) => streams.append({ ...writer, appends: [{ n: 1, text }] }, resolve));
    return writer;
  }

  /** Lives. Conversations: `lobby` of all, `team` that she owns with others, `club` where she moderates, and others. */
  async live(): Promise<void> {
    await this.accounts();
    await this.messages();
    await this.changes();
    await this.belonging();
    await this.streams();
    await this.marks();
    await this.events();
  }

  private async events(): Promise<void> {
    const { feed } = this.store;
    await feed.want(["presence.joined"], Date.now() + 1e9);
    await feed.append([
      { type: "presence.joined", conversation: "lobby", user: NAME },
      {
        type: "message.reacted",
        conversation: "lobby",
        user: NAME,
        seq: 1,
        details: { on: true },
      },
      { type: "member.muted", conversation: "team", user: other(4), details: { by: NAME } },
      { type: "member.muted", conversation: "team", user: other(4), details: { by: other(1) } },
    ]);
  }

  private async accounts(): Promise<void> {
    const { accounts, refreshTokens, revocations } = this.store;
    const names = [...Array.from({ length: OTHERS }, (_, i) => other((i * 37) % OTHERS)), ...NEIGHBOURS];
    names.splice(60, 0, NAME);
    for (const user of names)
      await accounts.add({
        ...{ user, plan: "free", disabled: false, demo: false, createdAt: AT },
        passwordHash: user === NAME ? `hash-${SECRETS[0]}` : "x".repeat(60),
      });
    for (const [i, user] of [other(1), NAME, other(2)].entries())
      await refreshTokens.add({
        ...{ id: `family-${i}`, user, account: AT, signedInAt: AT, expiresAt: Date.now() + 1e8 },
        tokens: [{ hash: user === NAME ? SECRETS[1]! : "aa", issuedAt: AT }],
      });
    await revocations.revokeUser(NAME, AT);
    await revocations.revokeUser(other(1), AT);
    await this.store
      .tickets<object>()
      .issue(crypto.randomUUID(), { user: NAME, conversation: "lobby" }, { note: SECRETS[2] });
    const throttle = this.store.throttle({ failures: 5, window: 60_000, attemptsPerMinute: 100 });
    await throttle.attempt(NAME, "192.0.2.1");
    await throttle.failed(NAME, "192.0.2.1");
    await this.store.leases.acquire(NAME, 10);
    const listener = {
      onPresence() {},
      onTyping() {},
      onReadMark() {},
      onGap() {},
      presentHere: () => [{ conversation: "lobby", user: NAME }],
    };
    const room = await this.store.relay.open("lobby", listener);
    room.join(NAME, Date.now());
    await this.store.leases.acquire(NAME, 10, { slot: "web lobby", ageMs: () => 0, onReplaced() {} });
  }

  private async messages(): Promise<void> {
    for (let round = 0; round < 5; round++) {
      const posts: Promise<unknown>[] = [];
      // So many that a store looks at them in several parts.
      for (let i = 0; i < OTHERS; i++)
        posts.push(this.post("lobby", other((i * 7 + round) % OTHERS), `of others ${round} ${i}`));
      for (let i = 0; i < 4; i++)
        posts.push(this.post("lobby", NAME, `${SECRETS[3]} ${round} ${i} ${"x".repeat(i * 40)}`));
      posts.push(this.post("team", NAME, SECRETS[4]!, { note: SECRETS[5] }));
      posts.push(this.post("team", other(3), "in the team"));
      await Promise.all(posts);
    }
    for (let i = 0; i < 20; i++)
      await this.post(
        "club",
        i % 2 === 0 ? NAME : other(5),
        i % 2 === 0 ? `club ${SECRETS[3]} ${i}` : `club of others ${i}`,
      );
    // An application says something in her name where she does not belong.
    await this.post("notes", NAME, SECRETS[3]!, undefined, false);
    for (let i = 0; i < 3; i++) await this.post("gone", NAME, SECRETS[3]!);
  }

  private async changes(): Promise<void> {
    const own = await this.post("lobby", NAME, "before the edit");
    const theirs = await this.post("lobby", other(7), "a message of others");
    await this.change("lobby", own, NAME, {
      kind: "edit",
      text: SECRETS[6]!,
      data: JSON.stringify({ note: SECRETS[7] }),
    });
    await this.change("lobby", own, other(1), { kind: "react", reaction: "👍", on: true });
    await this.change("lobby", theirs, other(2), { kind: "react", reaction: "👍", on: true });
    await this.change("lobby", theirs, NAME, { kind: "react", reaction: "👍", on: true });
    await this.change("lobby", theirs, NAME, { kind: "react", reaction: "hers", on: true });
    const spam = await this.post("lobby", other(8), "spam of others");
    await this.change("lobby", spam, NAME, { kind: "erase", reason: SECRETS[8]! }, true);
    const erased = await this.post("lobby", NAME, "that she erased");
    await this.change("lobby", erased, NAME, { kind: "erase" });
  }

  private async belonging(): Promise<void> {
    const by = { by: other(9), at: AT };
    await this.standing("team", {
      facts: { access: "members", title: "Team", at: AT },
      standings: [
        { user: NAME, role: "owner" },
        { user: other(3), role: "moderator" },
        { user: other(4), muted: { ...by, by: NAME, reason: "loud" } },
        { user: other(5), banned: { ...by, by: NAME } },
      ],
      news: [{ type: "member", user: other(4), change: "muted", by: NAME, at: AT }],
    });
    await this.standing("pair", {
      facts: { access: "members", direct: [other(6), NAME], at: AT },
      standings: [
        { user: NAME, role: "member" },
        { user: other(6), role: "member" },
      ],
      news: [{ type: "member", user: NAME, change: "added", role: "member", at: AT }],
    });
    await this.standing("club", { standings: [{ user: NAME, muted: { ...by, reason: "loud" } }] });
    await this.standing("far", { standings: [{ user: NAME, banned: { ...by } }] });
    await this.standing("left", { standings: [{ user: NAME, role: "member" }] });
    await this.standing("left", { standings: [{ user: NAME, role: null, left: true }] });
  }

  private async streams(): Promise<void> {
    const { streams } = this.store.engine;
    const ask = await this.post("lobby", NAME, "a question");
    const theirs = await this.stream("lobby", other(11), "answer", "of others", ask);
    await streams.cancel({
      conversation: "lobby",
      target: { stream: theirs.stream },
      by: NAME,
      moderates: true,
      discard: true,
    });
    const ended = await this.stream("lobby", NAME, "stream-1", SECRETS[9]!);
    await new Promise((resolve) =>
      streams.end({ ...ended, appends: [], state: undefined, limit: 0 }, resolve),
    );
    await this.stream("lobby", NAME, "stream-2", `${SECRETS[9]} open`);
    const asked = await this.stream("lobby", other(12), "asked", "to stop", ask);
    await streams.cancel({
      conversation: "lobby",
      target: { replyTo: ask },
      by: NAME,
      moderates: false,
      discard: false,
    });
    expect(asked.stream).not.toBe("");
  }

  private async marks(): Promise<void> {
    for (const user of [...Array.from({ length: OTHERS }, (_, i) => other((i * 31) % OTHERS)), NAME])
      await this.store.engine.setReadMark("lobby", user, 5, undefined, false);
  }
}
