// What the feed keeps on disk: its bytes, what the log deleted, restored copies, and who was present.
import { expect, test } from "bun:test";
import { cpSync, rmSync } from "node:fs";
import { UNLIMITED_RETENTION } from "../../../../src/core/conversation/retention.ts";
import { OLDEST_POSITION } from "../../../../src/core/ports/feed/feed.ts";
import { beginSqliteEpoch } from "../../../../src/engine/sqlite/new-epoch.ts";
import { ChangeSubject } from "../../../contracts/changes/change-subject.ts";
import { beginFeed, outline } from "../../../contracts/feed/subject.ts";
import { messageContent } from "../../../support/entries.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { openWithMembers } from "../open-with-members.ts";
import { StoreFolder } from "../store-folder.ts";

type Store = Awaited<ReturnType<StoreFolder["open"]>>;

const post = ({ engine }: Store, id: string) =>
  new Promise((resolve) =>
    engine.post({ conversation: "room", user: "anna", limit: 0, id, ...messageContent(id) }, resolve),
  );

const DAY_MS = 24 * 3_600_000;
const MONTH_MS = 30 * DAY_MS;

test("EV4 a reader that was away for longer than events are kept gets when that was, once, and then goes on", async () => {
  await using feed = await beginFeed(openWithMembers, UNLIMITED_RETENTION, { days: 2, bytes: 1024 ** 3 });
  const { subject, readAll, opened } = feed;
  const begun = subject.clock.now();
  await subject.store("1");
  const { position } = await readAll();
  await subject.store("2");
  await new ChangeSubject(subject).react(1, "👍");
  subject.clock.jump(3 * DAY_MS);
  await subject.store("3");
  const first = await opened.feed.read(position, {}, 1);
  const { since, until } = first!.lost!;
  expect(since).toBeGreaterThanOrEqual(begun - 1_000);
  expect(until).toBeGreaterThan(since);
  expect(until).toBeLessThanOrEqual(subject.clock.now());
  const rest = await readAll(position);
  expect(rest.events.map(outline)).toEqual(["message.created room 3"]);
  expect(rest.lost).toHaveLength(1);
  expect((await readAll(rest.position)).lost).toEqual([]);
  // From the oldest that is kept on, nothing was lost.
  const oldest = await readAll();
  expect([oldest.lost, oldest.events.map(outline)]).toEqual([[], ["message.created room 3"]]);
});

test("EV4 rows beyond RETENTION_EVENT_BYTES are deleted, oldest first; a reader that had not read them gets that they are lost", async () => {
  const bytes = 4_000;
  await using feed = await beginFeed(openWithMembers, UNLIMITED_RETENTION, { days: 7, bytes });
  const { subject, readAll } = feed;
  await subject.store("1");
  const begun = await readAll();
  const changes = new ChangeSubject(subject);
  for (let i = 0; i < 100; i++)
    await changes.react(1, "👍", { on: i % 2 === 0, user: `u${i >> 1}`, limit: 0 });
  subject.clock.advance(1_000);
  const kept = await readAll(OLDEST_POSITION, { types: new Set(["message.reacted"]) });
  expect(kept.lost).toEqual([]);
  expect(kept.events.length).toBeGreaterThan(10);
  expect(kept.events.length).toBeLessThan(60);
  expect(kept.events.map(({ rev }) => rev)).toEqual(
    Array.from({ length: kept.events.length }, (_, i) => 101 - kept.events.length + i),
  );
  const away = await readAll(begun.position);
  expect(away.lost).toHaveLength(1);
  expect(away.events.map(({ id }) => id)).toEqual(kept.events.map(({ id }) => id));
});

test("EV1 EV4 messages that are not kept any more are events without their text while their rows last, and lost after that", async () => {
  await using feed = await beginFeed(openWithMembers, { messages: 10, days: 0 });
  const { subject, readAll } = feed;
  const begun = await readAll();
  await subject.fill(3_000, { limit: 0 });
  const whole = await readAll(begun.position, { types: new Set(["message.created"]) });
  expect(whole.events).toHaveLength(3_000);
  await subject.clean();
  const cleaned = await readAll(begun.position, { types: new Set(["message.created"]) });
  expect(cleaned.lost).toHaveLength(1);
  const [{ since, until }] = cleaned.lost as [{ since: number; until: number }];
  expect(since).toBeLessThanOrEqual(until);
  expect(cleaned.events.length).toBeGreaterThan(300);
  expect(cleaned.events.length).toBeLessThan(3_000);
  const known = new Map(whole.events.map((event) => [event.id, event]));
  // A blanked row keeps its name and number; its sender is gone.
  for (const { user, ...event } of cleaned.events) expect(known.get(event.id)).toMatchObject(event);
  expect(cleaned.events.at(-1)).toEqual(whole.events.at(-1)!);
});

test("EV4 D5 with a restored copy a reader gets that events are lost, and then all that came after the copy, under other ids", async () => {
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  const copy = `${folder.path}-copy`;
  try {
    let store = await folder.open(clock);
    await post(store, "1");
    await store.close();
    cpSync(folder.storeFile, copy);
    store = await folder.open(clock);
    const upToCopy = await store.feed.newest();
    await post(store, "2");
    await post(store, "3");
    const old = (await store.feed.read(OLDEST_POSITION, {}, 100))!;
    await store.close();
    for (const end of ["", "-wal", "-shm"]) rmSync(`${folder.storeFile}${end}`, { force: true });
    cpSync(copy, folder.storeFile);
    beginSqliteEpoch({ dataDir: folder.path });
    store = await folder.open(clock);
    for (const position of [old.position, upToCopy]) {
      const page = (await store.feed.read(position, {}, 100))!;
      expect(page.lost).toBeDefined();
      expect(page.events).toEqual([]);
      expect((await store.feed.read(page.position, {}, 100))!.lost).toBeUndefined();
    }
    await post(store, "4");
    const page = (await store.feed.read(old.position, {}, 100))!;
    expect(page.events.map(outline)).toEqual(["message.created room 2"]);
    const all = (await store.feed.read(OLDEST_POSITION, {}, 100))!;
    expect(all.events.map(outline)).toEqual([
      "conversation.created room",
      "message.created room 1",
      "message.created room 2",
    ]);
    // What the copy holds is the same event; what was lost had another id.
    expect(all.events.slice(0, 2)).toMatchObject(old.events.slice(0, 2).map(({ id }) => ({ id })));
    expect(old.events.map(({ id }) => id)).not.toContain(all.events[2]!.id);
    // A position of a store that this one does not know: all that is kept, after a note that something may be lost.
    const foreign = (await store.feed.read("ffffffff.9.9.9", {}, 100))!;
    expect([foreign.lost !== undefined, foreign.events.length]).toEqual([true, 3]);
  } finally {
    rmSync(copy, { force: true });
  }
});

test("EV3 EV5 who was present when the server ended has left at the next start, once, if somebody reads that", async () => {
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  let store = await folder.open(clock);
  const listener = {
    onPresence() {},
    onTyping() {},
    onReadMark() {},
    onGap() {},
    presentHere: () => [{ conversation: "room", user: "early" }],
  };
  const room = await store.relay.open("room", listener);
  expect(room.reportsLeaves).toBe(false);
  room.join("early", 0);
  await store.feed.want(["presence.joined", "presence.left"], clock.now() + MONTH_MS);
  expect(room.reportsLeaves).toBe(true);
  for (const user of ["ann", "ben"]) room.join(user, clock.now());
  room.leave("ben", clock.now());
  const events = async () => (await store.feed.read(OLDEST_POSITION, {}, 100))!.events.map(outline);
  const before = ["presence.joined room ann", "presence.joined room ben", "presence.left room ben"];
  await post(store, "1");
  expect((await events()).slice(0, 3)).toEqual(before);
  // As a crash: nobody leaves.
  await store.close();
  store = await folder.open(clock);
  expect((await events()).slice(5)).toEqual(["presence.left room ann", "presence.left room early"]);
  await store.close();
  store = await folder.open(clock);
  expect(await events()).toHaveLength(7);
  const later = await store.relay.open("room", listener);
  later.join("carl", clock.now());
  await post(store, "2");
  await store.close();
  // Until then nobody has asked again.
  clock.jump(2 * MONTH_MS);
  store = await folder.open(clock);
  const { feed } = store;
  expect(feed.wanted()).toEqual(new Set());
  expect((await feed.read(OLDEST_POSITION, {}, 100))!.events.filter(({ user }) => user === "carl")).toEqual(
    [],
  );
});
