// The contract of an erasure while an API key writes in the name of the person: between all its parts, and faster than it reads.
import { describe, expect, test } from "bun:test";
import { ERASED_USER } from "../../../src/core/person/erased-user.ts";
import { beginErasure, type Erasure } from "../../../src/core/person/erasure.ts";
import type { PersonStore } from "../../../src/core/ports/person/person-store.ts";
import type { Store } from "../../../src/core/ports/store.ts";
import { erasePerson } from "../../../src/server/person/erase-person.ts";
import { decodeEntry, messageContent } from "../../support/entries.ts";
import { RecordedLog } from "../../support/server/recorded-log.ts";
import { NAME } from "./life.ts";
import type { PersonSubject } from "./person.ts";

const TEXT = "said-in-her-name";
const CHAT = "chat";

/** More messages than a part of any store reads. */
const MANY = 600;

/** A part that finds more messages each time it looks would be repeated for ever; this often is enough to see it. */
const MOST_PARTS = 12;

/** An API key that writes as the person, and as somebody else. */
class Key {
  private count = 0;
  private readonly streams: string[] = [];
  private theirs = 1;
  private writes = 0;

  constructor(private readonly store: Store) {}

  /** Writes a message, and now and then all that an application can write: a reaction, a stream that stays open and one that ends. */
  async write(): Promise<unknown> {
    if (this.writes++ % 8 !== 0) return this.post(NAME, TEXT);
    const theirs = this.post("bob", "of others");
    await Promise.all([theirs, this.post(NAME, TEXT), this.react(), this.startStream(), this.endStream()]);
    this.theirs = await theirs;
    return undefined;
  }

  private react(): Promise<unknown> {
    const change = { kind: "react", reaction: "👍", on: true } as const;
    const request = { conversation: CHAT, seq: this.theirs, user: NAME, change, limit: 0, moderates: true };
    return new Promise((done) => this.store.engine.changes.change(request, done));
  }

  /** A user has few open streams, so some are refused. */
  private async startStream(): Promise<void> {
    const stream = await this.openStream(CHAT);
    if (stream !== undefined) this.streams.push(stream);
  }

  async openStream(conversation: string): Promise<string | undefined> {
    const request = { conversation, user: NAME, id: `stream-${++this.count}`, limit: 0 };
    const started = await new Promise<object>((done) => this.store.engine.streams.start(request, done));
    return "stream" in started ? String(started.stream) : undefined;
  }

  private async endStream(): Promise<void> {
    const stream = this.streams.length > 2 ? this.streams.shift() : undefined;
    if (stream === undefined) return;
    const end = { conversation: CHAT, stream, generation: 1, state: undefined, limit: 0 };
    const appends = [{ n: 1, text: TEXT }];
    await new Promise((done) => this.store.engine.streams.end({ ...end, appends }, done));
  }

  async writeMany(): Promise<void> {
    await Promise.all(Array.from({ length: MANY }, () => this.post(NAME, TEXT)));
  }

  /** Returns the seq of the message. */
  post(user: string, text: string, id = `id-${++this.count}`): Promise<number> {
    const request = { conversation: CHAT, user, id, limit: 0, ...messageContent(text) };
    return new Promise((resolve, reject) =>
      this.store.engine.post(request, (result) =>
        "seq" in result ? resolve(result.seq) : reject(new Error(result.outcome)),
      ),
    );
  }
}

type Step = "messages" | "forget" | "purge";

/** Runs `between` before each part, and `at` when a step begins to forget, or has found messages of the person. */
function interrupted(
  persons: PersonStore,
  between: () => Promise<unknown>,
  at: (step: Step) => Promise<void>,
): PersonStore {
  return Object.assign(Object.create(persons) as PersonStore, {
    async read(user: string, after?: string) {
      await between();
      const page = await persons.read(user, after);
      if (page.records.some(({ type }) => type === "message")) await at("messages");
      return page;
    },
    async forget(user: string, after?: string) {
      await between();
      if (after === undefined) await at("forget");
      return persons.forget(user, after);
    },
    async purge(user: string, after?: string) {
      await between();
      const part = await persons.purge(user, after);
      if (part.found?.length) await at("purge");
      return part;
    },
  });
}

export function erasureMeanwhileContract(name: string, open: () => Promise<PersonSubject>): void {
  describe(`an erasure on ${name}`, () => {
    test("PD2 what an API key says meanwhile loses name and text together, or keeps both until the erasure is repeated, also after a crash", async () => {
      const subject = await open();
      const { store } = subject;
      const { persons, engine } = store;
      const clock = { now: () => performance.now(), wall: () => Date.now() };
      const deps = { ...store, clock, emit: new RecordedLog().emit, settleMs: 0 };
      const messages = async () => {
        const { seq: newest } = await engine.head(CHAT);
        const all = [];
        for (let after = 0; after < newest; after = all.at(-1)!.seq)
          all.push(...(await engine.page(CHAT, after, newest, 500))!.map(decodeEntry));
        return all;
      };
      const key = new Key(store);
      await key.writeMany();

      const runs: Record<string, number> = {};
      const busy = interrupted(
        persons,
        () => key.write(),
        async (step) => {
          runs[step] = (runs[step] ?? 0) + 1;
          if (runs[step] > MOST_PARTS) throw new Error(`The step ${step} does not end.`);
          // It stays open: the erasure that is repeated has to find it.
          if (step === "forget") await key.openStream("talk");
          else await key.writeMany();
          if (step === "purge" && runs[step] === 1) throw new Error("The node has died.");
        },
      );
      let erasure: Erasure = await persons.begin(beginErasure("meanwhile", NAME, Date.now()));
      while (erasure.step !== "done")
        try {
          erasure = await erasePerson({ ...deps, persons: busy }, erasure);
        } catch (error) {
          if (!String(error).includes("has died")) throw error;
          [erasure] = (await persons.pending()) as [Erasure];
        }
      const shown = await messages();
      const [erased, hers] = [ERASED_USER, NAME].map((user) => shown.filter(({ from }) => from === user));
      expect(erased!.length).toBeGreaterThan(MANY);
      const seqsOf = (found: typeof shown) => found.map(({ seq }) => seq);
      const kept = erased!.filter(({ text, erased: by }) => text !== "" || by?.person !== true);
      expect(seqsOf(kept)).toEqual([]);
      expect(hers!.length).toBeGreaterThan(0);
      const lost = hers!.filter(({ text, erased: by }) => text !== TEXT || by !== undefined);
      expect(seqsOf(lost)).toEqual([]);
      // The repeat of a message that stays is found, also of one that came while the names of messages were removed.
      for (const { id, seq } of hers!.slice(0, 3)) expect(await key.post(NAME, TEXT, id)).toBe(seq);

      const again = await persons.begin(beginErasure("again", NAME, Date.now()));
      const { counts } = await erasePerson(deps, again);
      expect(counts.messages).toBeGreaterThanOrEqual(hers!.length);
      for (const text of [NAME, TEXT]) expect([text, await subject.placesOf(text)]).toEqual([text, []]);
      expect(seqsOf((await messages()).filter(({ text }) => text !== "" && text !== "of others"))).toEqual(
        [],
      );
      await subject.close();
    }, 120_000);
  });
}
