import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { openStore } from "../../../src/engine/sqlite/schema.ts";
import { Subject } from "../../contracts/engine/subject.ts";
import { StoreFolder } from "./store-folder.ts";

/** The tables of the first version, as it made them. */
const VERSION_1 = `
  create table meta (key text primary key, value text not null) without rowid;
  create table account (
    user text primary key,
    plan text not null,
    disabled integer not null,
    password_hash text not null,
    demo integer not null,
    created_at integer not null
  ) without rowid;
  create table conversation (number integer primary key, id text not null unique);
  create table message (
    position integer primary key,
    conversation integer not null,
    seq integer not null,
    key integer not null,
    id text not null,
    sender text not null,
    text text not null,
    data text,
    at integer not null
  );
  create table charge (
    position integer primary key,
    user text not null,
    at integer not null,
    count integer not null
  );
  pragma user_version = 1;
`;

/** What was stored as `text` and `data`, before messages had a body. */
const OLD_MESSAGES = [
  { text: "hello" },
  { text: 'quote " backslash \\ tab \t nothing \0 del \x7f grüß 🙂' },
  { text: "", data: { kind: "wave", list: [1, null, { deep: "ü" }] } },
];

test("D2 a store of the first version opens with all its data, and gains the later tables", async () => {
  await using folder = new StoreFolder();
  {
    using store = new Database(folder.storeFile, { create: true });
    for (const statement of VERSION_1.split(";\n")) if (statement.trim() !== "") store.run(statement);
    store.run("insert into meta values ('epoch', 'first'), ('seed', '12345')");
    store.run("insert into account values ('anna', 'basic', 0, '', 0, 7)");
    store.run("insert into conversation values (1, 'room')");
    const insert = store.query("insert into message values (?1, 1, ?1, ?1, ?2, 'anna', ?3, ?4, ?1)");
    for (const [i, { text, data }] of OLD_MESSAGES.entries())
      insert.run(i + 1, String(i + 1), text, data === undefined ? null : JSON.stringify(data));
  }
  const subject = await Subject.open(async (clock) => {
    let store = await folder.open(clock);
    expect(await store.accounts.find("anna")).toMatchObject({ plan: "basic", createdAt: 7 });
    const reopen = async () => {
      await store.close();
      store = await folder.open(clock);
      return store.engine;
    };
    return { engine: store.engine, reopen, clean: () => store.applyRetention(), close: () => store.close() };
  });
  for (const round of ["upgraded", "opened again"]) {
    expect([round, await subject.engine.head("room")]).toEqual([
      round,
      { seq: 3, first: 1, epoch: "first.0", rev: 0 },
    ]);
    expect((await subject.read()).messages).toEqual(
      OLD_MESSAGES.map((content, i) => ({
        seq: i + 1,
        id: String(i + 1),
        from: "anna",
        ...content,
        at: i + 1,
      })),
    );
    await subject.reopen();
  }
  expect(await subject.engine.setReadMark("room", "anna", 2)).toBe(2);
  expect(await subject.store("4")).toMatchObject({ seq: 4 });
  await subject[Symbol.asyncDispose]();
});

test("MB6 what was removed before the upgrade stays removed, and no copy of a text is left where it was", async () => {
  await using folder = new StoreFolder();
  const text = (seq: number) => `MARK-${seq}-`;
  {
    using store = new Database(folder.storeFile, { create: true });
    for (const statement of VERSION_1.split(";\n")) if (statement.trim() !== "") store.run(statement);
    store.run("insert into meta values ('epoch', 'first'), ('seed', '12345')");
    store.run("insert into conversation values (1, 'room')");
    const insert = store.query("insert into message values (?1, 1, ?1, ?1, ?2, ?3, ?4, null, ?1)");
    store.transaction(() => {
      for (let seq = 1; seq <= 2_000; seq++) {
        // The first half was erased: blank rows, as the eraser leaves them.
        if (seq <= 1_000) insert.run(seq, "", "", "");
        else insert.run(seq, String(seq), "anna", text(seq).padEnd(seq % 300, "x"));
      }
    })();
  }
  {
    using store = openStore(folder.storeFile, "normal", 5_000);
    const rows = (where: string) => store.query(`select count(*) as rows from message where ${where}`).get();
    expect(rows("sender = '' and body = '' and kind = 'm'")).toEqual({ rows: 1_000 });
    expect(rows("sender = 'anna' and body like '\"text\":\"MARK-%'")).toEqual({ rows: 1_000 });
    store.run("pragma wal_checkpoint(truncate)");
  }
  const marks = readFileSync(folder.storeFile, "latin1").match(/MARK-\d+-/g) ?? [];
  expect(marks.toSorted()).toEqual(Array.from({ length: 1_000 }, (_, i) => text(1_001 + i)).toSorted());
});

test("ST3 ST4 an open stream of version 8 goes on, with its text and data", async () => {
  await using folder = new StoreFolder();
  await (await folder.open()).close();
  {
    using store = folder.connect();
    store.run("drop table stop_request; drop table stream; drop table stream_batch");
    store.run(`
      create table stream (
        number integer primary key autoincrement,
        conversation text not null, epoch text not null, stream text not null, user text not null, id text not null,
        data text, replyTo integer, generation integer not null, startedAt integer not null
      );
      create table stream_batch (
        position integer primary key autoincrement, stream integer not null, n integer not null, text text not null
      );
      insert into stream values (1, 'room', (select value || '.0' from meta where key = 'epoch'),
        'abcdefghijkl', 'anna', 'a', '{"k":1}', 7, 2, 5);
      insert into stream_batch (stream, n, text) values (1, 2, '"one two"'), (1, 3, '" three"');
      pragma user_version = 8;
    `);
  }
  const { engine } = await folder.open();
  expect(await engine.streams.drafts("room")).toEqual([
    {
      ...{ conversation: "room", stream: "abcdefghijkl", id: "a", from: "anna", generation: 2, n: 3 },
      ...{ text: "one two three", data: '{"k":1}', replyTo: 7, at: 5 },
    },
  ]);
});
