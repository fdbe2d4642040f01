import { expect, test } from "bun:test";
import { type OpenEngine, Subject } from "./subject.ts";

/** D3: one name, one message, however often and from wherever it is sent. */
export function onceContract(open: OpenEngine): void {
  test("D3 Q2 a later repeat gets the first result, marked, and is neither announced nor charged", async () => {
    await using subject = await Subject.open(open);
    const { received } = await subject.subscribe();
    const first = await subject.store("m", { text: "once" });
    subject.clock.advance(5_000);
    await subject.store("between");
    const repeat = await subject.post("m", { text: "another text does not count" });
    expect(repeat).toMatchObject({ outcome: "duplicate", seq: first.seq, at: first.at });
    expect(await subject.engine.quota("anna", 1_000)).toMatchObject({ remaining: 998 });
    expect(received.map(({ text }) => text)).toEqual(["once", "between"]);
    expect((await subject.read()).messages).toHaveLength(2);
  });

  test("D6 a message of data alone keeps its empty text, announced, read and after reopening", async () => {
    await using subject = await Subject.open(open);
    const { received } = await subject.subscribe();
    const { seq, at } = await subject.store("m", { text: "", data: { kind: "wave" } });
    const message = { seq, id: "m", from: "anna", text: "", data: { kind: "wave" }, at };
    expect(received).toEqual([message]);
    expect((await subject.read()).messages).toEqual([message]);
    await subject.reopen();
    expect((await subject.read()).messages).toEqual([message]);
  });

  test("D3 Q2 repeats in the same batch are one message", async () => {
    await using subject = await Subject.open(open);
    const { received } = await subject.subscribe();
    const results = await Promise.all(["m", "m", "n", "m"].map((id) => subject.post(id)));
    expect(results.map(({ outcome }) => outcome)).toEqual(["stored", "duplicate", "stored", "duplicate"]);
    expect(results.map((result) => "seq" in result && result.seq)).toEqual([1, 1, 2, 1]);
    expect(received.map(({ id }) => id)).toEqual(["m", "n"]);
    expect(await subject.engine.quota("anna", 1_000)).toMatchObject({ remaining: 998 });
  });

  test("D3 Q2 a repeat after reopening is recognized", async () => {
    await using subject = await Subject.open(open);
    const first = await subject.store("m");
    await subject.reopen();
    const { received } = await subject.subscribe();
    expect(await subject.post("m")).toMatchObject({ outcome: "duplicate", seq: first.seq, at: first.at });
    expect(await subject.engine.quota("anna", 1_000)).toMatchObject({ remaining: 999 });
    expect(received).toHaveLength(0);
    expect((await subject.store("n")).seq).toBe(2);
  });

  test("D3 the same id of another user, or in another conversation, is another message", async () => {
    await using subject = await Subject.open(open);
    await subject.store("m");
    expect((await subject.store("m", { user: "ben" })).seq).toBe(2);
    expect((await subject.store("m", { conversation: "other" })).seq).toBe(1);
    await subject.reopen();
    for (const fields of [{}, { user: "ben" }, { conversation: "other" }])
      expect((await subject.post("m", fields)).outcome).toBe("duplicate");
    expect((await subject.store("m", { user: "ben", conversation: "other" })).seq).toBe(2);
  });

  test("D3 names that are equal only when joined together are different", async () => {
    await using subject = await Subject.open(open);
    const names = [
      { conversation: "ab", user: "c", id: "d" },
      { conversation: "a", user: "bc", id: "d" },
      { conversation: "a", user: "b", id: "cd" },
      { conversation: "a", user: "b:c", id: "d" },
      { conversation: "a:b", user: "c", id: "d" },
      { conversation: "a", user: "b", id: "c:d" },
      { conversation: "a", user: "b", id: "C:d" },
      { conversation: "A", user: "b", id: "c:d" },
      { conversation: "a", user: "b", id: "c:d " },
    ];
    for (const { id, ...fields } of names) await subject.store(id, fields);
    for (const { id, ...fields } of names) expect((await subject.post(id, fields)).outcome).toBe("duplicate");
  });

  test("D3 Q2 a repeat gets its result though the quota is used up", async () => {
    await using subject = await Subject.open(open);
    await subject.store("m", { limit: 1 });
    expect((await subject.post("n", { limit: 1 })).outcome).toBe("rate_limited");
    expect(await subject.post("m", { limit: 1 })).toMatchObject({ outcome: "duplicate", seq: 1 });
  });

  test("D3 Q2 the repeat of a refused message is stored when the quota allows it, without a hole", async () => {
    await using subject = await Subject.open(open);
    await subject.store("m", { limit: 1 });
    const [refused, again] = await Promise.all([
      subject.post("n", { limit: 1 }),
      subject.post("n", { limit: 1 }),
    ]);
    expect([refused.outcome, again.outcome]).toEqual(["rate_limited", "rate_limited"]);
    expect(await subject.store("n", { limit: 2 })).toMatchObject({ outcome: "stored", seq: 2 });
  });

  test("D3 each of many names is recognized, in any order, before and after reopening", async () => {
    await using subject = await Subject.open(open);
    await subject.fill(500);
    for (const round of ["before", "after"]) {
      const repeats = await Promise.all(Array.from({ length: 500 }, (_, i) => subject.post(String(500 - i))));
      expect([round, ...repeats.map((result) => "seq" in result && result.seq)]).toEqual([
        round,
        ...Array.from({ length: 500 }, (_, i) => 500 - i),
      ]);
      if (round === "before") await subject.reopen();
    }
    expect(await subject.engine.quota("anna", 1_000)).toMatchObject({ remaining: 500 });
  });

  test("AP1 a message is considered without a charge, a number or a trace", async () => {
    await using subject = await Subject.open(open);
    const { epoch } = await subject.engine.head("room");
    expect(await subject.consider("m", { limit: 1, epoch })).toEqual({ outcome: "acceptable" });
    const first = await subject.store("m", { limit: 1 });
    const quota = { limit: 1, remaining: 0, reset: 3600 };
    const { seq, at } = first;
    expect(await subject.consider("m", { limit: 1 })).toEqual({ outcome: "duplicate", seq, at, quota });
    expect(await subject.consider("other", { limit: 1 })).toEqual({
      outcome: "rate_limited",
      retryAfter: 3_600_000,
      quota,
    });
    expect(await subject.consider("other", { limit: 0 })).toEqual({ outcome: "acceptable" });
    expect(await subject.consider("m", { user: "ben" })).toEqual({ outcome: "acceptable" });
    expect(await subject.consider("m", { conversation: "none", mustExist: true })).toEqual({
      outcome: "forbidden",
    });
    // Considered and posted in one turn, it is decided in the order of the calls.
    const [before, stored, after] = await Promise.all([
      subject.consider("next"),
      subject.post("next"),
      subject.consider("next"),
    ]);
    expect([before.outcome, stored.outcome, after.outcome]).toEqual(["acceptable", "stored", "duplicate"]);
    expect((await subject.read()).messages.map(({ id }) => id)).toEqual(["m", "next"]);
  });
}
