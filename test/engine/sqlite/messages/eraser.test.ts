// The texts of removed messages leave all files, however they are mixed with kept ones and with later writes.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UNLIMITED_RETENTION } from "../../../../src/core/conversation/retention.ts";
import type { Store } from "../../../../src/core/ports/store.ts";
import { openConversations } from "../../../../src/engine/sqlite/messages/conversations.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import { decodeEntry, messageContent } from "../../../support/entries.ts";
import { isLong, Random } from "../../../support/random.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { StoreFolder } from "../store-folder.ts";

const SEED = 20_261_129;
// Printed for a failure: the messages are generated from it.
const SEEDED = `(seed ${SEED})`;

/** How many conversations post at once; the first half of them is removed. */
const CONVERSATIONS = 6;
const nameOf = (i: number) => `room-${i}`;
const isRemoved = (i: number) => i < CONVERSATIONS / 2;

/** Stores messages of all conversations among each other, short ones, long ones, and some that take pages of their own. */
async function postMessages(store: Pick<Store, "engine">, count: number, random: Random): Promise<void> {
  for (let done = 0; done < count; ) {
    const batch: Promise<unknown>[] = [];
    for (let i = 0; i < 200 && done < count; i++, done++) {
      const room = random.between(0, CONVERSATIONS - 1);
      const mark = `${isRemoved(room) ? "SECRET" : "PUBLIC"}-${done}-`;
      const length = random.between(1, 20) === 1 ? 6_000 : random.between(0, 400);
      batch.push(
        new Promise((stored) =>
          store.engine.post(
            {
              conversation: nameOf(room),
              // The store also has the names of users where they have read to.
              user: `user-${room}`,
              id: `${mark}id`,
              ...messageContent(mark + "x".repeat(length), { note: `${mark}data` }),
              limit: 0,
            },
            stored,
          ),
        ),
      );
    }
    await Promise.all(batch);
  }
}

/** How many marks of each kind the folder's files contain, of any conversation: what `grep -a` finds. */
function marksIn(folder: StoreFolder): { secret: number; public: number } {
  const found = { secret: 0, public: 0 };
  for (const file of readdirSync(folder.path)) {
    const bytes = readFileSync(join(folder.path, file)).toString("latin1");
    found.secret += bytes.match(/SECRET-\d+-/g)?.length ?? 0;
    found.public += bytes.match(/PUBLIC-\d+-/g)?.length ?? 0;
  }
  return found;
}

const removeHalf = (folder: StoreFolder) => removeRooms(folder, isRemoved);

async function removeRooms(folder: StoreFolder, which: (room: number) => boolean): Promise<void> {
  const options = {
    dataDir: folder.path,
    clock: systemClock(),
    emit: folder.log.emit,
    sync: "normal",
  } as const;
  const command = openConversations(options);
  for (let i = 0; i < CONVERSATIONS; i++) if (which(i)) expect(await command.remove(nameOf(i))).toBe(true);
  await command.close();
}

async function publicCount({ engine }: Pick<Store, "engine">): Promise<number> {
  let count = 0;
  for (let i = 0; i < CONVERSATIONS; i++) {
    const { seq, first } = await engine.head(nameOf(i));
    for (let after = first - 1; after < seq; ) {
      const page = (await engine.page(nameOf(i), after, seq, 200))!;
      if (page.some((entry) => !decodeEntry(entry).text.startsWith("PUBLIC-")))
        throw new Error("A secret was read.");
      count += page.length;
      after = page.at(-1)!.seq;
    }
  }
  return count;
}

test(`MB6 the texts of removed conversations leave all files of a running server, and others stay ${SEEDED}`, async () => {
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  const store = await folder.open(clock);
  await postMessages(store, 3_000, new Random(SEED));
  const kept = (await publicMessages(store)).length;
  await removeHalf(folder);
  expect(marksIn(folder).secret).toBeGreaterThan(1_000);
  await waitUntil("all secrets are erased", () => {
    clock.advance(500);
    return marksIn(folder).secret === 0;
  });
  expect(await publicCount(store)).toBe(kept);
  await postMessages(store, 100, new Random(SEED + 1));
  await store.close();
  // Later messages belong to a new conversation.
  const after = await folder.open(clock);
  expect((await after.engine.head(nameOf(0))).first).toBeGreaterThan(1);
  expect(await after.engine.page(nameOf(CONVERSATIONS - 1), 0, 5, 5)).toHaveLength(5);
});

test(`MB6 texts removed just before a stop are erased after it, also without a server ${SEEDED}`, async () => {
  await using folder = new StoreFolder();
  const store = await folder.open();
  await postMessages(store, 2_000, new Random(SEED));
  await removeHalf(folder);
  await store.close();
  expect(marksIn(folder).secret).toBe(0);
  expect(marksIn(folder).public).toBeGreaterThan(1_000);
});

test(`D5 texts removed by retention leave all files within a minute, and free whole pages ${SEEDED}`, async () => {
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  const early = await folder.open(clock);
  await postMessages(early, 4_000, new Random(SEED));
  await early.close();
  const store = await folder.open(clock, { messages: 5, days: 0 });
  let passed = 0;
  const left = () => {
    const { secret } = marksIn(folder);
    return secret;
  };
  await waitUntil("only the kept ones are left", () => {
    clock.advance(500);
    passed += 500;
    // Each of the three has five messages with three marks.
    return left() === (CONVERSATIONS / 2) * 5 * 3;
  });
  expect(passed).toBeGreaterThan(0);
  using db = folder.connect();
  await waitUntil("blank rows are deleted when they fill pages", () => {
    clock.advance(500);
    const { rows } = db.query("select count(*) as rows from message").get() as { rows: number };
    return rows < 2_000;
  });
  expect((await store.engine.head(nameOf(0))).first).toBeGreaterThan(100);
  // Deleting among living rows would have left copies of them, which show when they are removed, too.
  await removeRooms(folder, () => true);
  await waitUntil("all is erased", () => {
    clock.advance(500);
    const { secret, public: open } = marksIn(folder);
    return secret + open === 0;
  });
});

test(`MB6 what a killed process left of its removal is erased by the next process ${SEEDED}`, async () => {
  const random = new Random(SEED);
  await using folder = new StoreFolder();
  const first = await folder.open();
  await postMessages(first, 4_000, random);
  const kept = await publicCountOf(first);
  await first.close();
  // Only marked as removed, as by a command whose server is killed at once.
  await removeHalf(folder);
  const program = join(import.meta.dir, "../programs/erase.ts");
  for (let kill = 0; kill < (isLong ? 5 : 2); kill++) {
    const child = Bun.spawn([process.execPath, "--no-env-file", program, folder.path, "0"], {
      stderr: "inherit",
    });
    const reader = child.stdout.getReader();
    await reader.read();
    await Bun.sleep(random.between(100, 900));
    child.kill("SIGKILL");
    await child.exited;
  }
  const clock = new ManualClock(Date.now());
  const last = await folder.open(clock, UNLIMITED_RETENTION);
  await waitUntil("all secrets are erased", () => {
    clock.advance(500);
    return marksIn(folder).secret === 0;
  });
  expect(await publicCount(last)).toBe(kept);
});

/** The messages that stay, in all conversations. */
async function publicMessages({ engine }: Pick<Store, "engine">): Promise<unknown[]> {
  const all: unknown[] = [];
  for (let i = 0; i < CONVERSATIONS; i++) {
    if (isRemoved(i)) continue;
    const { seq } = await engine.head(nameOf(i));
    for (let after = 0; after < seq; after = all.length === 0 ? seq : after + 200)
      all.push(...((await engine.page(nameOf(i), after, Math.min(seq, after + 200), 200)) ?? []));
  }
  return all;
}

async function publicCountOf(store: Pick<Store, "engine">): Promise<number> {
  return (await publicMessages(store)).length;
}
