import { expect, test } from "bun:test";
import { UNLIMITED_RETENTION } from "../../../src/core/conversation/retention.ts";
import { beginFeed, type OpenFeed, outline } from "./subject.ts";

const DAY_MS = 24 * 3_600_000;

/** What a reader gets that was away. How an engine removes what is not kept, its own tests show. */
export function keepingContract(open: OpenFeed): void {
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
