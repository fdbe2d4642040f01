import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
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

test("D2 a store of the first version opens with all its data, and gains the later tables", async () => {
  await using folder = new StoreFolder();
  {
    using store = new Database(folder.storeFile, { create: true });
    for (const statement of VERSION_1.split(";\n")) if (statement.trim() !== "") store.run(statement);
    store.run("insert into meta values ('epoch', 'first'), ('seed', '12345')");
    store.run("insert into account values ('anna', 'basic', 0, '', 0, 7)");
    store.run("insert into conversation values (1, 'room')");
    for (const seq of [1, 2, 3])
      store.run("insert into message values (?, 1, ?, ?, ?, 'anna', 'hello', null, ?)", [
        seq,
        seq,
        seq,
        String(seq),
        seq,
      ]);
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
      { seq: 3, first: 1, epoch: "first.0" },
    ]);
    expect((await subject.read()).messages.map(({ id, text }) => `${id} ${text}`)).toEqual([
      "1 hello",
      "2 hello",
      "3 hello",
    ]);
    await subject.reopen();
  }
  expect(await subject.engine.setReadMark("room", "anna", 2)).toBe(2);
  expect(await subject.store("4")).toMatchObject({ seq: 4 });
  await subject[Symbol.asyncDispose]();
});
