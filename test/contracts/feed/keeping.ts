import { expect, test } from "bun:test";
import { UNLIMITED_RETENTION } from "../../../src/core/conversation/retention.ts";
import { ChangeSubject } from "../changes/change-subject.ts";
import { beginFeed, type OpenFeed, outline } from "./subject.ts";

const DAY_MS = 24 * 3_600_000;

/** What is kept, and what a reader gets that was away for longer. */
export function keepingContract(open: OpenFeed): void {
  test("EV4 a reader that was away for longer than events are kept gets when that was, once, and then goes on", async () => {
    await using feed = await beginFeed(open, UNLIMITED_RETENTION, { days: 2, bytes: 1024 ** 3 });
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

  test("EV4 a reader that has read all loses nothing, however long it was away", async () => {
    await using feed = await beginFeed(open, UNLIMITED_RETENTION, { days: 2, bytes: 1024 ** 3 });
    const { subject, readAll } = feed;
    await subject.store("1");
    const { position } = await readAll();
    subject.clock.jump(30 * DAY_MS);
    expect(await readAll(position)).toMatchObject({ events: [], lost: [] });
    await subject.store("2");
    const later = await readAll(position);
    expect([later.lost, later.events.map(outline)]).toEqual([[], ["message.created room 2"]]);
  });
}
