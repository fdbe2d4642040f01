// The port for operators' conversations (src/core/ports/conversations.ts) in executable form, next to a running engine.
// A store's own test file opens both and calls this.
import { describe, expect, test } from "bun:test";
import { type RetentionLimits, UNLIMITED_RETENTION } from "../../src/core/conversation/retention.ts";
import { type ConversationStore, EpochChanged } from "../../src/core/ports/conversations.ts";
import { decodeEntry } from "../support/entries.ts";
import type { ManualClock } from "../support/time/manual-clock.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { type OpenedEngine, Subject } from "./engine/subject.ts";

/** An engine on its own data, and access to the same data as commands have it. */
export interface OpenedConversations extends OpenedEngine {
  /** Opens the port as a command does, next to the engine; the caller closes it. */
  openOther(): Promise<ConversationStore>;
}

export type OpenConversations = (
  clock: ManualClock,
  retention: RetentionLimits,
) => Promise<OpenedConversations>;

/** A running engine notices a command's change within this many milliseconds. */
const SECOND = 1_000;

/** Every MUST of the port for conversations. */
export function conversationContract(name: string, open: OpenConversations): void {
  async function begin(retention = UNLIMITED_RETENTION) {
    let opened: OpenedConversations | undefined;
    const subject = await Subject.open(async (clock, limits) => {
      opened = await open(clock, limits);
      return opened;
    }, retention);
    const { openOther, clean } = opened!;
    /** Changes something next to the engine, and lets the engine notice it. */
    const command = async <T>(task: (conversations: ConversationStore) => Promise<T>): Promise<T> => {
      const conversations = await openOther();
      const result = await task(conversations);
      await conversations.close();
      subject.clock.advance(SECOND);
      return result;
    };
    return {
      subject,
      command,
      clean,
      openOther,
      [Symbol.asyncDispose]: () => subject[Symbol.asyncDispose](),
    };
  }

  describe(`conversation contract: ${name}`, () => {
    test("D5 conversations are listed in the order of their names, and found by name", async () => {
      await using store = await begin();
      const names = ["b", "a", "C", "a:b", "a.b@c", "room"];
      for (const conversation of names) await store.subject.store("1", { conversation });
      const at = (await store.subject.store("2", { conversation: "room" })).at;
      await store.command(async (conversations) => {
        expect((await conversations.list()).map(({ id }) => id)).toEqual([...names].sort());
        const keep = { messages: null, days: null };
        expect(await conversations.find("room")).toEqual({ id: "room", first: 1, seq: 2, lastAt: at, keep });
        for (const id of ["roo", "*", "?", "[a-z]"]) expect(await conversations.find(id)).toBeUndefined();
      });
    });

    test("D5 an export holds every message as it was delivered, in the order of seq", async () => {
      await using store = await begin();
      const { received } = await store.subject.subscribe();
      await store.subject.store("with data", { data: { nested: [1, "ü", null] }, text: 'a "quoted"\nline' });
      await store.subject.fill(1_200, { limit: 0 });
      await store.command(async (conversations) => {
        const exported = await Array.fromAsync(conversations.entries("room"), decodeEntry);
        expect(exported).toHaveLength(1_201);
        expect(exported).toEqual(received);
        expect(await Array.fromAsync(conversations.entries("nowhere"))).toEqual([]);
      });
    });

    test("D5 an export of a conversation that is removed meanwhile fails, and holds nothing of the next one", async () => {
      await using store = await begin();
      await store.subject.fill(1_200, { limit: 0 });
      const other = await store.openOther();
      const exported: number[] = [];
      const reading = async () => {
        for await (const { seq } of other.entries("room")) {
          exported.push(seq);
          if (seq > 1) continue;
          await store.command((conversations) => conversations.remove("room"));
          const { engine } = store.subject;
          await waitUntil("the engine knows", async () => (await engine.head("room")).first > 1_200);
          await store.subject.fill(600, { limit: 0 });
        }
      };
      await expect(reading()).rejects.toThrow(EpochChanged);
      expect(exported).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
      await other.close();
    });

    test("D5 removed messages and marks are gone for every reader, and seqs continue", async () => {
      await using store = await begin();
      const { subject } = store;
      await subject.fill(20);
      await subject.fill(5, { conversation: "other" });
      await subject.engine.setReadMark("room", "anna", 7);
      await store.command(async (conversations) => {
        expect(Object.fromEntries(await conversations.readMarks("room"))).toEqual({ anna: 7 });
        expect(await conversations.remove("room")).toBe(true);
        expect(await conversations.remove("nowhere")).toBe(false);
        expect(await conversations.remove("room")).toBe(false);
        expect(await conversations.retain("room", { messages: 1, days: 1 })).toBe(false);
        expect(await conversations.find("room")).toBeUndefined();
        expect((await conversations.list()).map(({ id, seq }) => [id, seq])).toEqual([["other", 5]]);
        expect(await Array.fromAsync(conversations.entries("room"), decodeEntry)).toEqual([]);
        expect((await conversations.readMarks("room")).size).toBe(0);
      });
      expect(await subject.engine.head("room")).toMatchObject({ seq: 20, first: 21 });
      expect((await subject.read()).messages).toEqual([]);
      expect((await subject.engine.readMarks("room", ["anna", "ben"])).size).toBe(0);
      // Has the id of the first one, which is removed.
      expect(await subject.store("1")).toMatchObject({ seq: 21 });
      expect((await subject.read({ conversation: "other" })).messages).toHaveLength(5);
    });

    test("MB6 each removal of a conversation begins a new epoch, and subscribers are notified within a second", async () => {
      await using store = await begin();
      const { engine } = store.subject;
      const changes: unknown[] = [];
      engine.watchEpoch((...change) => changes.push(change));
      await store.subject.fill(3);
      await store.subject.subscribe();
      const { epoch } = await engine.head("room");
      const [, life] = /^(.+)\.0$/.exec(epoch)!;
      await store.command((conversations) => conversations.remove("room"));
      await waitUntil("the removal is reported", () => changes.length > 0);
      expect(changes).toEqual([["room", 3, `${life}.1`]]);
      expect(await engine.head("room")).toEqual({ seq: 3, first: 4, epoch: `${life}.1`, rev: 0 });
      await store.subject.store("1");
      await store.command(async (conversations) => {
        expect((await conversations.list()).map(({ id, seq, first }) => [id, first, seq])).toEqual([
          ["room", 4, 4],
        ]);
        await conversations.remove("room");
      });
      await waitUntil("the second removal is reported", () => changes.length > 1);
      expect(await engine.head("room")).toEqual({ seq: 4, first: 5, epoch: `${life}.2`, rev: 0 });
      expect((await engine.head("never removed")).epoch).toBe(`${life}.0`);
      await store.subject.reopen();
      expect((await store.subject.engine.head("room")).epoch).toBe(`${life}.2`);
    });

    test("MB6 IN2 a removal is reported to those who watch the inbox, also of a conversation that nobody has open", async () => {
      await using store = await begin();
      const { subject, command } = store;
      await subject.store("1");
      await subject.store("1", { conversation: "idle" });
      await subject.reopen();
      const seen: string[] = [];
      const stop = await subject.engine.inbox.watch(
        (conversation) => seen.push(conversation),
        () => seen.push("gap"),
      );
      await command((conversations) => conversations.remove("idle"));
      await waitUntil("the removal is reported", () => {
        subject.clock.advance(100);
        return seen.includes("idle");
      });
      expect(new Set(seen)).toEqual(new Set(["idle"]));
      stop();
    });

    test("MB6 Q2 a post under the epoch from before a removal is neither stored, charged nor marked", async () => {
      await using store = await begin();
      const { subject } = store;
      await subject.fill(3, { limit: 10 });
      const { epoch } = await subject.engine.head("room");
      const conversations = await store.openOther();
      await conversations.remove("room");
      // At once: the engine has not polled for changes by commands.
      expect(await subject.post("new", { epoch, limit: 10 })).toEqual({ outcome: "removed" });
      expect(await subject.post("1", { epoch, limit: 10 })).toEqual({ outcome: "removed" });
      expect(await subject.engine.setReadMark("room", "anna", 2, epoch)).toBeUndefined();
      expect(await conversations.list()).toEqual([]);
      await conversations.close();
      expect((await subject.engine.quota("anna", 10))?.remaining).toBe(7);
      expect((await subject.engine.readMarks("room", ["anna", "ben"])).size).toBe(0);
      const now = (await subject.engine.head("room")).epoch;
      expect(await subject.post("new", { epoch: now })).toMatchObject({ outcome: "stored", seq: 4 });
      expect(await subject.post("newer", { epoch: "another.7" })).toMatchObject({
        outcome: "stored",
        seq: 5,
      });
    });

    test("D5 a conversation's own limits override the server's, even 0, and can be removed again", async () => {
      await using store = await begin({ messages: 3, days: 0 });
      for (const conversation of ["own", "all", "default", "back"])
        await store.subject.store("1", { conversation });
      await store.command(async (conversations) => {
        expect(await conversations.retain("own", { messages: 5, days: null })).toBe(true);
        await conversations.retain("all", { messages: 0, days: 2 });
        await conversations.retain("back", { messages: 0, days: 2 });
        await conversations.retain("back", { messages: null, days: null });
        expect(await conversations.retain("nowhere", { messages: 1, days: 1 })).toBe(false);
        expect(await conversations.find("nowhere")).toBeUndefined();
        const keeps = (await conversations.list()).map(({ id, keep }) => [id, keep.messages, keep.days]);
        expect(keeps).toEqual([
          ["all", 0, 2],
          ["back", null, null],
          ["default", null, null],
          ["own", 5, null],
        ]);
      });
      for (const conversation of ["own", "all", "default", "back"])
        for (let k = 2; k <= 10; k++) await store.subject.store(String(k), { conversation });
      await store.clean();
      const kept: [string, number][] = [];
      for (const conversation of ["own", "all", "default", "back"])
        kept.push([conversation, (await store.subject.engine.head(conversation)).first]);
      expect(kept).toEqual([
        ["own", 6],
        ["all", 1],
        ["default", 8],
        ["back", 8],
      ]);
    });
  });
}
