import { expect, test } from "bun:test";
import { openConversations } from "../../../../src/engine/sqlite/messages/conversations.ts";
import { ChangeSubject } from "../../../contracts/changes/change-subject.ts";
import { changesContract } from "../../../contracts/changes.ts";
import { Subject } from "../../../contracts/engine/subject.ts";
import { decodeEntry } from "../../../support/entries.ts";
import { openWithMembers } from "../open-with-members.ts";
import { StoreFolder } from "../store-folder.ts";

changesContract("sqlite", openWithMembers);

async function begin() {
  const folder = new StoreFolder();
  const subject = await Subject.open(async (clock) => {
    const store = await folder.open(clock);
    const close = () => folder[Symbol.asyncDispose]();
    return { engine: store.engine, reopen: async () => store.engine, clean: async () => {}, close };
  });
  return { folder, subject, changes: new ChangeSubject(subject) };
}

test("CH1 an export beside a running server holds messages as they are now", async () => {
  const { folder, subject, changes } = await begin();
  await using _ = subject;
  await subject.fill(3);
  await changes.edit(1, "edited");
  await changes.erase(2);
  const { path: dataDir, log } = folder;
  const command = openConversations({ dataDir, clock: subject.clock, emit: log.emit, sync: "normal" });
  const entries = await Array.fromAsync(command.entries("room"));
  await command.close();
  expect(entries.map(decodeEntry)).toMatchObject([
    { text: "edited", edited: { rev: 1 } },
    { text: "", erased: { by: "anna" } },
    { text: "3" },
  ]);
});

test("CH1 CH4 a change whose batch fails leaves nothing behind, in memory or on disk", async () => {
  const { folder, subject, changes } = await begin();
  await using _ = subject;
  await subject.fill(2);
  await changes.react(1, "x");
  using other = folder.connect();
  other.run("alter table charge rename to charge_away");
  const failing = [changes.edit(1, "y", { id: "e" }), changes.react(1, "z"), changes.erase(2)];
  for (const result of await Promise.all(failing)) expect(result).toEqual({ outcome: "unavailable" });
  other.run("alter table charge_away rename to charge");
  expect(await subject.engine.head("room")).toMatchObject({ rev: 1 });
  expect(await changes.messages()).toMatchObject([{ text: "1", rev: 1 }, { text: "2" }]);
  expect(await changes.edit(1, "y", { id: "e" })).toMatchObject({ outcome: "changed", rev: 2 });
  expect(await changes.erase(2)).toMatchObject({ outcome: "changed", rev: 3 });
  expect(await changes.messages()).toMatchObject([
    { text: "y", rev: 2, reactions: { x: { count: 1 } } },
    { text: "", rev: 3 },
  ]);
  const rows = other.query("select count(*) as n from change where state <> ''").get();
  expect(rows).toEqual({ n: 2 });
  // The erasure is recorded on disk although the first try of it was undone.
  expect(other.query("select value from meta where key = 'erasing'").get()).toEqual({ value: "yes" });
});
