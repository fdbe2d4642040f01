import { expect, test } from "bun:test";
import { OLDEST_POSITION } from "../../../src/core/ports/feed/feed.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { beginFeed, type OpenFeed, outline } from "./subject.ts";

/** Messages as `outline` has them. */
const created = (conversation: string, seq: number) => `message.created ${conversation} ${seq}`;
const CREATED = { types: new Set(["message.created"] as const) };

/** How events are read: order, positions, pages, filters, waiting. */
export function readingContract(open: OpenFeed): void {
  test("EV1 events come in the order of each conversation, once each, in pages of any size, and a position goes on after them", async () => {
    await using feed = await beginFeed(open);
    const { subject, readAll, opened } = feed;
    expect((await readAll()).events).toEqual([]);
    const empty = await opened.feed.newest();
    await subject.fill(3);
    await subject.store("b1", { conversation: "other", user: "ben" });
    await subject.store("4");
    const whole = await readAll(OLDEST_POSITION, CREATED);
    const of = (name: string) => whole.events.filter((event) => event.conversation === name).map(outline);
    expect(of("room")).toEqual([1, 2, 3, 4].map((seq) => created("room", seq)));
    expect(of("other")).toEqual([created("other", 1)]);
    expect(whole.lost).toEqual([]);
    const now = subject.clock.now();
    for (const event of whole.events) expect(Math.abs(event.at - now)).toBeLessThan(600_000);
    expect(new Set(whole.events.map(({ id }) => id)).size).toBe(5);
    for (const { id } of whole.events) expect(id).toMatch(/^[A-Za-z0-9._-]{1,64}$/);

    for (const limit of [1, 2, 1_000])
      expect((await readAll(OLDEST_POSITION, CREATED, limit)).events).toEqual([...whole.events]);
    expect((await readAll(empty, CREATED)).events).toEqual([...whole.events]);
    const page = await opened.feed.read(OLDEST_POSITION, CREATED, 2);
    expect(page?.more).toBe(true);
    expect([...page!.events, ...(await readAll(page!.position, CREATED)).events]).toEqual([...whole.events]);
    expect((await readAll(whole.position)).events).toEqual([]);
    expect((await readAll(await opened.feed.newest())).events).toEqual([]);
    await subject.store("5");
    expect((await readAll(whole.position)).events.map(outline)).toEqual([created("room", 5)]);
    expect(whole.position).toMatch(/^[A-Za-z0-9._-]{1,1500}$/);
  });

  test("EV1 a filter of types, of conversations, or of what a key allows lets the others out, and their places are passed", async () => {
    await using feed = await beginFeed(open);
    const { subject, readAll, opened } = feed;
    for (const conversation of ["team-a", "team-b", "room"])
      await subject.store(conversation, { conversation });
    const read = async (filter: object) =>
      (await readAll(OLDEST_POSITION, { ...CREATED, ...filter })).events.map(outline).sort();
    const a = created("team-a", 1);
    const b = created("team-b", 1);
    expect(await read({ conversations: ["team-*"] })).toEqual([a, b]);
    expect(await read({ conversations: ["team-a", "room"] })).toEqual([created("room", 1), a]);
    expect(await read({ conversations: ["team-*"], granted: ["team-b*"] })).toEqual([b]);
    expect(await read({ types: new Set(["member.added"]) })).toEqual([]);
    const page = await opened.feed.read(OLDEST_POSITION, { conversations: ["elsewhere"] }, 100);
    expect(page).toMatchObject({ events: [], more: false });
    expect((await readAll(page!.position)).events).toEqual([]);
  });

  test("EV1 positions and ids are the same after a restart; a text that is no position is refused", async () => {
    await using feed = await beginFeed(open);
    const { subject, readAll, opened } = feed;
    await subject.fill(3);
    const first = await opened.feed.read(OLDEST_POSITION, CREATED, 2);
    const before = await readAll();
    await subject.reopen();
    expect((await readAll()).events).toEqual([...before.events]);
    const [last] = before.events.filter(({ seq }) => seq === 3);
    expect((await readAll(first!.position, CREATED)).events).toEqual([last!]);
    for (const text of ["", "x", "1.2", "-1", "a.b.c.d", "😀", "9".repeat(400), `${first!.position}!`])
      expect(await opened.feed.read(text, {}, 10)).toBeUndefined();
  });

  test("EV1 a watcher is called when there is something new, and what it then reads is there", async () => {
    await using feed = await beginFeed(open);
    const { subject, opened, readAll } = feed;
    let calls = 0;
    const stop = opened.feed.watch(() => calls++);
    await subject.store("1");
    await waitUntil("the watcher is called", () => calls > 0);
    expect((await readAll(OLDEST_POSITION, CREATED)).events.map(outline)).toEqual([created("room", 1)]);
    stop();
    const before = calls;
    await subject.store("2");
    subject.clock.advance(1_000);
    expect(calls).toBe(before);
  });
}
