// What is edited away or erased leaves all files, however it is mixed with what stays (CH3).
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Change } from "../../../../src/core/changes/decide-change.ts";
import type { Store } from "../../../../src/core/ports/store.ts";
import { inspectStore } from "../../../../src/engine/sqlite/inspect.ts";
import { openConversations } from "../../../../src/engine/sqlite/messages/conversations.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import { decodeEntry, messageContent } from "../../../support/entries.ts";
import { isLong, Random } from "../../../support/random.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { StoreFolder } from "../store-folder.ts";

const SEED = 20_261_130;
const SEEDED = `(seed ${SEED})`;
const CONVERSATIONS = 4;
const MESSAGES = isLong ? 1_200 : 400;

const nameOf = (room: number) => `room-${room}`;

/** A text with a mark; some are short, some long, and some take pages of their own. */
function marked(mark: string, random: Random): string {
  const length = random.between(1, 15) === 1 ? random.between(3_000, 9_000) : random.between(0, 300);
  return `${mark} ${"x".repeat(length)}`;
}

/**
 * Messages of several conversations, written among each other, and changed at random. Every text that is to go has the word
 * SECRET and a number of its own, every text that is to stay the word PUBLIC.
 */
class Talk {
  private count = 0;
  /** The user's own text of each message, by conversation; undefined for an erased one. */
  readonly shown: (string | undefined)[][] = Array.from({ length: CONVERSATIONS }, () => []);

  constructor(
    private readonly store: Pick<Store, "engine">,
    private readonly random: Random,
  ) {}

  private mark(word: string): string {
    return `${word}-${this.count++}-`;
  }

  /** Posts messages, half of which are to be changed. */
  async post(count: number): Promise<void> {
    for (let done = 0; done < count; ) {
      const batch: Promise<unknown>[] = [];
      for (let i = 0; i < 100 && done < count; i++, done++) {
        const room = this.random.between(0, CONVERSATIONS - 1);
        const goes = this.random.between(0, 1) === 0;
        const text = marked(this.mark(goes ? "SECRET" : "PUBLIC"), this.random);
        this.shown[room]!.push(text);
        const data = goes ? { note: this.mark("SECRET") } : undefined;
        batch.push(this.postTo(room, text, data));
      }
      await Promise.all(batch);
    }
  }

  postTo(room: number, text: string, data?: { note: string }): Promise<unknown> {
    const request = { conversation: nameOf(room), user: "ann", limit: 0, id: crypto.randomUUID() };
    return new Promise((stored) =>
      this.store.engine.post({ ...request, ...messageContent(text, data) }, stored),
    );
  }

  /** Changes all messages that have a secret, some of them several times; after it none is shown. */
  async hideSecrets(): Promise<void> {
    const work: (() => Promise<void>)[] = [];
    for (const [room, texts] of this.shown.entries()) {
      for (const [i, text] of texts.entries()) {
        if (text?.startsWith("SECRET")) work.push(() => this.hide(room, i + 1));
        else if (this.random.between(0, 3) === 0)
          work.push(() => this.react(room, i + 1, this.mark("PUBLIC")));
      }
    }
    // Not in the order of the log.
    work.sort(() => this.random.next() - 0.5);
    for (let i = 0; i < work.length; i += 40) await Promise.all(work.slice(i, i + 40).map((one) => one()));
  }

  private async hide(room: number, seq: number): Promise<void> {
    const { random } = this;
    await Promise.all([
      this.react(room, seq, this.mark("SECRET")),
      this.react(room, seq, this.mark("SECRET")),
    ]);
    for (let edits = random.between(0, 2); edits > 0; edits--)
      await this.change(room, seq, { kind: "edit", text: marked(this.mark("SECRET"), random) });
    // An edit leaves the reactions, which are secret here, so all are erased in the end; some were edited to be public before.
    await this.change(room, seq, { kind: "edit", text: marked(this.mark("SECRET"), random), data: null });
    await this.change(room, seq, { kind: "erase" });
    this.shown[room]![seq - 1] = undefined;
  }

  private react(room: number, seq: number, reaction: string): Promise<void> {
    return this.change(room, seq, { kind: "react", reaction, on: true }, `user-${this.random.between(1, 9)}`);
  }

  /** Edits some public texts into other public ones; the old ones must go, too. */
  async editPublic(): Promise<string[]> {
    const gone: string[] = [];
    for (const [room, texts] of this.shown.entries()) {
      for (const [i, text] of texts.entries()) {
        if (text === undefined || this.random.between(0, 4) > 0) continue;
        gone.push(text.split(" ")[0]!);
        const next = marked(this.mark("PUBLIC"), this.random);
        texts[i] = next;
        await this.change(room, i + 1, { kind: "edit", text: next });
      }
    }
    return gone;
  }

  change(room: number, seq: number, change: Change, user = "ann"): Promise<void> {
    const request = { conversation: nameOf(room), user, limit: 0, moderates: false, seq, change };
    return new Promise((resolve, reject) =>
      this.store.engine.changes.change(request, ({ outcome }) =>
        outcome === "changed" ? resolve() : reject(new Error(`${change.kind} of ${seq}: ${outcome}`)),
      ),
    );
  }

  /** Compares what the store shows with what was written. */
  async check(engine: Store["engine"]): Promise<void> {
    for (const [room, texts] of this.shown.entries()) {
      const read: string[] = [];
      while (read.length < texts.length) {
        const page = await engine.page(nameOf(room), read.length, texts.length, 200);
        read.push(...page!.map((entry) => decodeEntry(entry).text));
      }
      expect(read).toEqual(texts.map((text) => text ?? ""));
    }
  }
}

/** All marks in the folder's files: what `grep -a` finds. */
function marksIn({ path }: StoreFolder): Set<string> {
  const found = new Set<string>();
  for (const file of readdirSync(path)) {
    const bytes = readFileSync(join(path, file)).toString("latin1");
    for (const mark of bytes.match(/(SECRET|PUBLIC)-\d+-/g) ?? []) found.add(mark);
  }
  return found;
}

const secretsIn = (folder: StoreFolder) => [...marksIn(folder)].filter((mark) => mark.startsWith("SECRET"));

/** Advances time until the files have none of the texts, and returns how long that took, in milliseconds. */
async function untilGone(clock: ManualClock, left: () => number): Promise<number> {
  let passed = 0;
  await waitUntil("all texts are erased", () => {
    clock.advance(500);
    passed += 500;
    return left() === 0;
  });
  return passed;
}

test(`CH3 what is erased or edited away leaves all files of a running server, and the rest stays ${SEEDED}`, async () => {
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  const store = await folder.open(clock);
  const talk = new Talk(store, new Random(SEED));
  await talk.post(MESSAGES);
  await talk.hideSecrets();
  expect(secretsIn(folder).length).toBeGreaterThan(1_000);
  await untilGone(clock, () => secretsIn(folder).length);
  const gone = await talk.editPublic();
  expect(gone.length).toBeGreaterThan(MESSAGES / 20);
  await untilGone(clock, () => {
    const marks = marksIn(folder);
    return gone.filter((mark) => marks.has(mark)).length;
  });
  await talk.check(store.engine);
  await store.close();
  const { engine } = await folder.open(clock);
  await talk.check(engine);
  expect(secretsIn(folder)).toEqual([]);
});

test("CH3 texts that take pages of their own are gone from the files within a minute, without later writes", async () => {
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  const store = await folder.open(clock);
  const talk = new Talk(store, new Random(SEED));
  for (let seq = 1; seq <= 10; seq++) {
    await talk.postTo(0, `SECRET-${seq}- ${"x".repeat(20_000)} SECRET-${seq}0- `);
    await talk.change(0, seq, {
      kind: "edit",
      text: `SECRET-${seq}1- ${"y".repeat(20_000)} SECRET-${seq}2- `,
    });
    await talk.change(0, seq, seq % 2 === 0 ? { kind: "erase" } : { kind: "edit", text: "short" });
  }
  for (let seq = 11; seq <= 15; seq++)
    await talk.postTo(0, `SECRET-${seq}00- ${"x".repeat(20_000)} SECRET-${seq}99- `);
  for (let seq = 11; seq <= 15; seq++) await talk.change(0, seq, { kind: "erase" });
  expect(secretsIn(folder).length).toBeGreaterThan(30);
  // One tick of housekeeping may still wait for the index worker, so time goes on slowly towards the minute.
  for (let passed = 0; passed < 50_000 && secretsIn(folder).length > 0; passed += 500) {
    clock.advance(500);
    await Bun.sleep(5);
  }
  expect(secretsIn(folder)).toEqual([]);
});

test("CH3 after an orderly stop right after the changes no file has a text, and the store says so", async () => {
  await using folder = new StoreFolder();
  const store = await folder.open(new ManualClock());
  const talk = new Talk(store, new Random(SEED));
  await talk.post(100);
  await talk.hideSecrets();
  const erasing = () => inspectStore(folder.path, { maxFullCheckBytes: 0, timeoutMs: 1_000 })?.erasing;
  expect([secretsIn(folder).length > 0, erasing()]).toEqual([true, true]);
  await store.close();
  expect([secretsIn(folder), erasing()]).toEqual([[], false]);
});

test(`CH3 MB6 the removal of a conversation takes edited texts and reactions with it ${SEEDED}`, async () => {
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  const store = await folder.open(clock);
  const talk = new Talk(store, new Random(SEED));
  await talk.post(300);
  await talk.hideSecrets();
  await talk.editPublic();
  const command = openConversations({
    ...{ dataDir: folder.path, clock: systemClock(), emit: folder.log.emit, sync: "normal" as const },
  });
  for (let room = 0; room < CONVERSATIONS; room++) expect(await command.remove(nameOf(room))).toBe(true);
  await command.close();
  await untilGone(clock, () => marksIn(folder).size);
  for (let room = 0; room < CONVERSATIONS; room++)
    expect(await store.engine.head(nameOf(room))).toMatchObject({ rev: 0 });
  using db = folder.connect();
  for (const [table, living] of [
    ["change", "state"],
    ["edit", "body"],
    ["reaction", "user"],
  ])
    expect(db.query(`select count(*) as n from ${table} where ${living} <> ''`).get()).toEqual({ n: 0 });
  expect(db.query("select count(*) as n from change_id").get()).toEqual({ n: 0 });
});

test(`CH3 what a killed process has acked of its erasures is gone after a start ${SEEDED}`, async () => {
  const random = new Random(SEED);
  await using folder = new StoreFolder();
  const program = join(import.meta.dir, "../programs/change.ts");
  const erased = new Set<string>();
  for (let round = 0; round < (isLong ? 4 : 2); round++) {
    const child = Bun.spawn([process.execPath, "--no-env-file", program, folder.path, String(round)], {
      stderr: "inherit",
    });
    // Each line is a text that was acked as erased or as edited away.
    const reading = (async () => {
      let rest = "";
      for await (const chunk of child.stdout) {
        const lines = (rest + Buffer.from(chunk).toString()).split("\n");
        rest = lines.pop()!;
        for (const line of lines) erased.add(line);
        if (erased.size > (round + 1) * 40 + random.between(0, 40)) child.kill("SIGKILL");
      }
    })();
    await child.exited;
    await reading;
  }
  expect(erased.size).toBeGreaterThan(isLong ? 150 : 70);
  // What `parley doctor` reports.
  const inspect = () => inspectStore(folder.path, { maxFullCheckBytes: 0, timeoutMs: 1_000 })?.erasing;
  expect(inspect()).toBe(true);
  const clock = new ManualClock(Date.now());
  await folder.open(clock);
  await untilGone(clock, () => {
    const marks = marksIn(folder);
    return [...erased].filter((mark) => marks.has(mark)).length;
  });
  expect(marksIn(folder).size).toBeGreaterThan(0);
  await waitUntil("the erasure is done", () => {
    clock.advance(500);
    return inspect() === false;
  });
});
