// The contract of the port for persons (src/core/ports/person/person-store.ts), with the erasure that uses it.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isLastOwner } from "../../../src/core/members/standing.ts";
import { ERASED_USER } from "../../../src/core/person/erased-user.ts";
import { beginErasure, type Erasure } from "../../../src/core/person/erasure.ts";
import { exportLines } from "../../../src/core/person/export.ts";
import type { ChangeEvent } from "../../../src/core/ports/conversation/changes.ts";
import { OLDEST_POSITION } from "../../../src/core/ports/feed/feed.ts";
import type { Store } from "../../../src/core/ports/store.ts";
import { erasePerson } from "../../../src/server/person/erase-person.ts";
import { decodeEntry } from "../../support/entries.ts";
import { RecordedLog } from "../../support/server/recorded-log.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { inventoryOf } from "./inventory.ts";
import { EXPECTED, Life, NAME, SECRETS } from "./life.ts";

export interface PersonSubject {
  readonly store: Store;
  removeConversation(name: string): Promise<void>;
  /**
   * Where the store holds a text, in all that it has: keys, values, files. Each place is named as the inventory in
   * docs/PERSONAL-DATA.md names it.
   */
  placesOf(text: string): Promise<string[]>;
  /** Files that hold what was erased until they are rewritten, of a store that has such. */
  readonly files?: {
    /** The names of those that have one of the texts. */
    holding(texts: readonly string[]): string[];
    /** Has the store rewrite them, if it knows that something was erased. */
    rewrite(): Promise<void>;
  };
  /** The section of docs/PERSONAL-DATA.md with the places of this technology. */
  readonly inventory: "SQLite" | "Redis";
  close(): Promise<void>;
}

const TIMEOUT_MS = 60_000;

export function personContract(name: string, open: () => Promise<PersonSubject>): void {
  describe(`persons on ${name}`, () => {
    let subject: PersonSubject;
    let life: Life;
    let exported: Record<string, unknown>[];
    let erased: Erasure;
    const events: ChangeEvent[] = [];
    const log = new RecordedLog();
    const issuedAt = Date.now() - 1_000;

    const erase = async (user: string): Promise<Erasure> => {
      const { store } = subject;
      const begun = await store.persons.begin(beginErasure(crypto.randomUUID(), user, Date.now()));
      const clock = { now: () => performance.now(), wall: () => Date.now() };
      return erasePerson({ ...store, clock, emit: log.emit, settleMs: 0 }, begun);
    };
    const exportOf = async (user: string) => {
      const lines: Record<string, unknown>[] = [];
      for await (const line of exportLines(subject.store.persons, user, Date.now()))
        lines.push(JSON.parse(line));
      return lines;
    };
    const read = async (conversation: string) => {
      const { seq } = await subject.store.engine.head(conversation);
      const messages = [];
      for (let after = 0; after < seq; after = messages.at(-1)!.seq) {
        const page = await subject.store.engine.page(conversation, after, seq, 200);
        if (page === undefined || page.length === 0) break;
        messages.push(...page.map(decodeEntry));
      }
      return messages;
    };

    beforeAll(async () => {
      subject = await open();
      life = new Life(subject.store);
      await life.live();
      await subject.removeConversation("gone");
    }, TIMEOUT_MS);
    afterAll(() => subject.close());

    test("PD1 an export has all that is stored about a person, and nothing of others", async () => {
      exported = await exportOf(NAME);
      expect(exported[0]).toMatchObject({ type: "person", user: NAME });
      expect(exported.at(-1)).toEqual({ type: "end", records: exported.length - 2 });
      const counts: Record<string, number> = {};
      for (const { type } of exported.slice(1, -1)) counts[String(type)] = (counts[String(type)] ?? 0) + 1;
      expect(counts).toEqual(EXPECTED);
      const text = JSON.stringify(exported);
      expect(text).not.toContain("of others");
      // The hash of the password, the tokens and the credential of a ticket are not in it.
      for (const [i, secret] of SECRETS.entries()) expect([i, text.includes(secret)]).toEqual([i, i > 2]);
      expect(exported).toContainEqual(
        expect.objectContaining({ type: "membership", conversation: "team", role: "owner" }),
      );
      expect(exported).toContainEqual(
        expect.objectContaining({
          type: "membership",
          conversation: "far",
          banned: expect.objectContaining({ by: "user-9" }),
        }),
      );
      expect(exported).toContainEqual({
        type: "reaction",
        conversation: "lobby",
        seq: expect.any(Number),
        reaction: "hers",
      });
      expect(exported).toContainEqual(
        expect.objectContaining({
          type: "message",
          conversation: "lobby",
          text: SECRETS[6],
          data: { note: SECRETS[7] },
        }),
      );
      expect(await exportOf("nobody-of-this-name")).toHaveLength(2);
    });

    test(
      "PD3 a name is stored in the places of the inventory only, and in each of them",
      async () => {
        const { places, passing } = inventoryOf(subject.inventory);
        const found = new Set(await subject.placesOf(NAME));
        expect([...found].filter((place) => !passing.includes(place)).sort()).toEqual(places);
        const held = await Promise.all(SECRETS.map((secret) => subject.placesOf(secret)));
        // One server keeps tickets in memory.
        expect(held.filter((found) => found.length > 0).length).toBeGreaterThanOrEqual(SECRETS.length - 1);
      },
      TIMEOUT_MS,
    );

    test(
      "PD2 after an erasure the store holds neither the name nor a text of the person, wherever it is searched",
      async () => {
        await subject.store.engine.subscribe("lobby", () => {});
        subject.store.engine.changes.watch((event) => events.push(event));
        const { files } = subject;
        // This shows that the search finds what is in the files.
        if (files !== undefined)
          for (const text of [NAME, ...SECRETS]) expect(files.holding([text])).not.toEqual([]);
        erased = await erase(NAME);
        expect(erased).toMatchObject({ step: "done", user: undefined });
        expect(erased.counts).toMatchObject({
          messages: 41,
          reactions: 2,
          erasures: 2,
          accounts: 1,
          sign_ins: 1,
          // Of a member who has read nothing the export shows none, and none is counted.
          read_marks: 1,
        });
        for (const text of [NAME, ...SECRETS])
          expect([text, await subject.placesOf(text)]).toEqual([text, []]);
        if (files !== undefined) {
          await files.rewrite();
          const all = [NAME, ...SECRETS];
          await waitUntil("no file has the name or a text", () => files.holding(all).length === 0);
        }
        expect(await exportOf(NAME)).toHaveLength(2);
        // Its report stays, and names nobody.
        expect(await subject.store.persons.find(erased.id)).toEqual(erased);
        expect(await subject.store.persons.pending()).toEqual([]);
        const page = await subject.store.feed.read(OLDEST_POSITION, {}, 5_000);
        const ends = page!.events.filter(({ type }) => type === "user.erased");
        expect(ends.map(({ details }) => details)).toEqual([{ id: erased.id }]);
        expect(page!.events.filter(({ user }) => user === ERASED_USER).length).toBeGreaterThanOrEqual(2);
        const muted = page!.events
          .filter(({ type }) => type === "member.muted")
          .map(({ details }) => details?.by);
        expect(new Set(muted)).toEqual(new Set([ERASED_USER, "user-1"]));
        expect(
          JSON.stringify(log.entries.filter(({ event }) => String(event).startsWith("person"))),
        ).not.toContain(NAME);
      },
      TIMEOUT_MS,
    );

    test("PD4 conversations keep their numbers and the messages of others, and clients stop showing what was erased", async () => {
      const messages = await read("lobby");
      expect(messages.map(({ seq }) => seq)).toEqual(messages.map((_, i) => i + 1));
      const hers = messages.filter(({ from }) => from === ERASED_USER);
      expect(hers.length).toBe(25);
      for (const { seq, id, text, data, erased: by } of hers)
        expect({ id, text, data, by }).toEqual({
          ...{ id: String(seq), text: "", data: undefined },
          by: { by: ERASED_USER, at: expect.any(Number), person: true },
        });
      const others = messages.filter(({ from }) => from !== ERASED_USER);
      expect(others.filter(({ text }) => text.startsWith("of others"))).toHaveLength(600);
      const theirs = messages.find(({ text }) => text === "a message of others") as
        | { reactions?: object }
        | undefined;
      expect(theirs?.reactions).toEqual({ "👍": { count: 1, users: ["user-2"] } });
      const spam = messages.find(({ from, erased: by }) => from === "user-8" && by !== undefined);
      expect(spam?.erased).toEqual({ by: ERASED_USER, at: expect.any(Number) });
      // In the order of `rev`; each of her messages gets another sender and id.
      const changes = events.flatMap((event) => (event.type === "changed" ? [event.change] : []));
      expect(changes.map(({ rev }) => rev)).toEqual(changes.map((_, i) => changes[0]!.rev + i));
      for (const { seq } of hers) {
        const change = changes.findLast((one) => one.seq === seq);
        expect(change?.by).toBe(ERASED_USER);
        expect(JSON.parse(change!.set)).toMatchObject({
          from: ERASED_USER,
          id: String(seq),
          text: "",
          data: null,
        });
      }
      const missed = await subject.store.engine.changes.missed("lobby", {
        ...{ after: changes[0]!.rev - 1, first: 1, last: 10_000, count: 1_000 },
      });
      expect(missed?.changed.filter(({ entry }) => entry.from === ERASED_USER)).toHaveLength(25);
    });

    test("PD5 others keep what was theirs: owners, sanctions, unread numbers, the direct conversation", async () => {
      const { members, engine } = subject.store;
      const team = await members.read("team", [NAME, "user-3", "user-4", "user-5"]);
      expect(team.standings.get(NAME)).toBeUndefined();
      expect(team.standings.get("user-3")?.role).toBe("owner");
      expect(team.standings.get("user-4")?.muted).toEqual({ by: ERASED_USER, at: expect.any(Number) });
      expect(team.standings.get("user-5")?.banned).toMatchObject({ by: ERASED_USER });
      expect((await members.read("pair", [])).facts?.direct).toEqual(["user-6", ERASED_USER]);
      expect(await engine.readMarks("lobby", ["user-1", NAME])).toEqual(new Map([["user-1", 5]]));
      expect((await members.conversationsOf(NAME, { limit: 10 })).conversations).toEqual([]);
    });

    test("PD6 tokens from before stay refused, and somebody else may have the name", async () => {
      const { revocations, accounts, engine } = subject.store;
      const token = { id: "token-1", subject: NAME };
      expect(await revocations.isRevoked({ ...token, issuedAt })).toBe(true);
      expect(await revocations.isRevoked({ ...token, issuedAt: Date.now() + 60_000 })).toBe(false);
      expect(await revocations.isRevoked({ id: "token-2", subject: "user-2", issuedAt })).toBe(false);
      const account = {
        user: NAME,
        plan: "free",
        disabled: false,
        passwordHash: "x",
        demo: false,
        createdAt: 1,
      };
      expect(await accounts.add(account)).toBe(true);
      const seq = await life.post("lobby", NAME, "a new person");
      expect((await engine.page("lobby", seq - 1, seq, 1))?.[0]?.from).toBe(NAME);
      expect((await subject.store.members.read("lobby", [NAME])).standings.get(NAME)?.role).toBe("member");
    });

    test(
      "PD2 an erasure can be repeated, and a second one of the same name is one with the first",
      async () => {
        const first = await subject.store.persons.begin(beginErasure("first", NAME, Date.now()));
        expect(await subject.store.persons.begin(beginErasure("second", NAME, Date.now()))).toEqual(first);
        const again = await erase(NAME);
        expect(again.id).toBe("first");
        expect(again.counts).toMatchObject({ messages: 1, accounts: 1 });
        for (const text of [NAME, "a new person"])
          expect([text, await subject.placesOf(text)]).toEqual([text, []]);
        expect((await erase(NAME)).counts).toEqual({});
      },
      TIMEOUT_MS,
    );

    test(
      "MB4 a conversation counts its members and owners while an API key adds an erased user again and again",
      async () => {
        const { persons, members, engine } = subject.store;
        const owned = { facts: { access: "anyone", at: 1 } } as const;
        await life.standing("crew", {
          ...owned,
          standings: [
            { user: "user-1", role: "member" },
            { user: NAME, role: "owner" },
          ],
        });
        await life.standing("shared", { ...owned, standings: [{ user: "user-1", role: "owner" }] });
        let tries = 0;
        const addAgain = async () => {
          if (++tries % 2 === 0) return;
          await life.standing("crew", { standings: [{ user: NAME, role: "owner" }] });
          await life.standing("shared", { standings: [{ user: NAME, role: "owner" }] });
          await life.post("chat", NAME, "said by a key");
        };
        const many = async (part: () => ReturnType<typeof persons.forget>, most: number) => {
          if (tries < most) await addAgain();
          const result = await part();
          if (tries < most) await addAgain();
          return result;
        };
        const begun = await persons.begin(beginErasure("added-again", NAME, Date.now()));
        const busy: typeof persons = Object.assign(Object.create(persons), {
          forget: (user: string, after?: string) => many(() => persons.forget(user, after), 30),
          purge: (user: string, after?: string) => many(() => persons.purge(user, after), 60),
        });
        const clock = { now: () => performance.now(), wall: () => Date.now() };
        await erasePerson({ ...subject.store, persons: busy, clock, emit: log.emit, settleMs: 0 }, begun);
        expect(tries).toBe(60);

        const real = async (conversation: string) => {
          const all = (await members.members(conversation, { limit: 100 })).members;
          return { members: all.length, owners: all.filter(({ role }) => role === "owner").length };
        };
        const expectRealCounts = async () => {
          for (const conversation of ["crew", "shared", "chat"]) {
            const { members: count, owners } = await members.read(conversation, []);
            const counted = { members: count, owners };
            expect([conversation, counted]).toEqual([conversation, await real(conversation)]);
          }
        };
        await expectRealCounts();
        // What was added after the erasure had looked is of a new person, which is erased in its turn.
        await erase(NAME);
        await expectRealCounts();
        // The last owner, who may not leave.
        const view = await members.read("crew", ["user-1", NAME]);
        expect(view.standings.get("user-1")?.role).toBe("owner");
        expect(view.standings.get(NAME)).toBeUndefined();
        expect(isLastOwner(view, view.standings.get("user-1"))).toBe(true);

        await life.post("chat", NAME, "a later message");
        expect((await members.read("chat", [NAME])).standings.get(NAME)?.role).toBe("member");
        const { conversations } = await members.conversationsOf(NAME, { limit: 10 });
        expect(conversations.filter(({ role }) => role !== undefined).map((one) => one.conversation)).toEqual(
          ["chat"],
        );
        expect((await engine.head("chat")).seq).toBeGreaterThan(1);
      },
      TIMEOUT_MS,
    );
  });
}
