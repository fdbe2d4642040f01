import { expect, test } from "bun:test";
import type { StandingChange } from "../../../../src/core/members/records.ts";
import { PRIVATE } from "../../../contracts/members/subject.ts";
import { memberContract } from "../../../contracts/members.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { openWithMembers } from "../open-with-members.ts";
import { StoreFolder } from "../store-folder.ts";

memberContract("sqlite", openWithMembers);

test("IN3 rows of users who left a conversation are deleted when no list mentions it; those that mean something stay", async () => {
  await using folder = new StoreFolder();
  const clock = new ManualClock();
  const { members } = await folder.open(clock);
  const sanction = { by: "ann", at: clock.now() };
  async function change(user: string, fields: Partial<StandingChange>): Promise<void> {
    const { revision } = await members.read("room", []);
    expect(await members.change("room", revision, { standings: [{ user, ...fields }], news: [] })).toBe(true);
  }
  await members.change("room", 0, { facts: PRIVATE, standings: [], news: [] });
  const removed = Array.from({ length: 450 }, (_, i) => `removed-${i}`);
  const kept = { ann: { role: "owner" }, ben: { banned: sanction }, carl: { muted: sanction } } as const;
  for (const user of removed) await change(user, { role: "member" });
  for (const [user, fields] of Object.entries(kept)) await change(user, fields);
  for (const user of removed) await change(user, { role: null });
  const users = () => {
    using db = folder.connect();
    return db.query("select user from member order by user").values().flat();
  };
  const all = [...Object.keys(kept), ...removed].sort();
  for (const days of [29, 2]) {
    clock.advance(1_000);
    expect(users()).toEqual(all);
    clock.jump(days * 24 * 3_600_000);
  }
  // Three steps of one round.
  for (let step = 0; step < 3; step++) clock.advance(500);
  expect(users()).toEqual(Object.keys(kept));
  const { standings } = await members.read("room", Object.keys(kept));
  expect(Object.fromEntries(standings)).toMatchObject(kept);
});
