import { expect, test } from "bun:test";
import { QUOTA_WINDOW_MS } from "../../../src/core/conversation/quota.ts";
import { QuotaModel } from "../../support/models/quota-model.ts";
import { Random, seeds } from "../../support/random.ts";
import { type OpenEngine, Subject } from "./subject.ts";

/** Q1 to Q3: exactly the plan in every rolling hour, charged once, and shown as enforced. */
export function quotaContract(open: OpenEngine): void {
  test("Q1 the request after the limit is refused, and accepted exactly `retryAfter` milliseconds later", async () => {
    await using subject = await Subject.open(open);
    const limit = 3;
    await subject.store("1", { limit });
    subject.clock.jump(1_001);
    await subject.store("2", { limit });
    await subject.store("3", { limit });
    subject.clock.jump(10);
    const refused = await subject.post("4", { limit });
    expect(refused).toMatchObject({ outcome: "rate_limited", retryAfter: QUOTA_WINDOW_MS - 1_011 });
    subject.clock.jump(QUOTA_WINDOW_MS - 1_012);
    expect(await subject.post("4", { limit })).toMatchObject({ outcome: "rate_limited", retryAfter: 1 });
    subject.clock.jump(1);
    expect(await subject.post("4", { limit })).toMatchObject({ outcome: "stored", seq: 4 });
    expect(await subject.post("5", { limit })).toMatchObject({ outcome: "rate_limited", retryAfter: 1_001 });
  });

  test("Q1 a batch is cut at the limit, in the order of its requests", async () => {
    await using subject = await Subject.open(open);
    const results = await Promise.all(["1", "2", "3", "4"].map((id) => subject.post(id, { limit: 2 })));
    expect(results.map(({ outcome }) => outcome)).toEqual([
      "stored",
      "stored",
      "rate_limited",
      "rate_limited",
    ]);
  });

  test("Q1 a user has one quota for all conversations, and each user has their own", async () => {
    await using subject = await Subject.open(open);
    await subject.store("1", { limit: 2, conversation: "a" });
    await subject.store("2", { limit: 2, conversation: "b" });
    expect((await subject.post("3", { limit: 2, conversation: "c" })).outcome).toBe("rate_limited");
    expect((await subject.post("3", { limit: 2, user: "ben" })).outcome).toBe("stored");
  });

  test("Q1 a restart keeps the charges: refused as before, to the millisecond", async () => {
    await using subject = await Subject.open(open);
    await subject.store("1", { limit: 2 });
    subject.clock.jump(777);
    await subject.read({ user: "anna", limit: 2 });
    subject.clock.jump(60_000);
    const before = await subject.engine.quota("anna", 2);
    await subject.reopen();
    expect(await subject.engine.quota("anna", 2)).toEqual(before);
    const retryAfter = QUOTA_WINDOW_MS - 60_777;
    expect(await subject.post("2", { limit: 2 })).toMatchObject({ outcome: "rate_limited", retryAfter });
    subject.clock.jump(retryAfter - 1);
    await subject.reopen();
    expect((await subject.post("2", { limit: 2 })).outcome).toBe("rate_limited");
    subject.clock.jump(1);
    await subject.reopen();
    expect((await subject.post("2", { limit: 2 })).outcome).toBe("stored");
  });

  test("Q2 a larger plan applies to the next request; a smaller one waits until enough charges have expired", async () => {
    await using subject = await Subject.open(open);
    for (let i = 1; i <= 4; i++) {
      await subject.store(String(i), { limit: 4 });
      subject.clock.jump(1_000);
    }
    expect((await subject.post("5", { limit: 4 })).outcome).toBe("rate_limited");
    await subject.store("5", { limit: 5 });
    // Five in the hour and a plan of two: four must leave, the last of them a second before the fifth.
    const refused = await subject.post("6", { limit: 2 });
    expect(refused).toMatchObject({ outcome: "rate_limited", retryAfter: QUOTA_WINDOW_MS - 1_000 });
    expect(refused).toMatchObject({ quota: { limit: 2, remaining: 0, reset: QUOTA_WINDOW_MS / 1000 } });
    subject.clock.jump(QUOTA_WINDOW_MS - 1_001);
    expect((await subject.post("6", { limit: 2 })).outcome).toBe("rate_limited");
    subject.clock.jump(1);
    expect((await subject.post("6", { limit: 2 })).outcome).toBe("stored");
  });

  test("Q2 refused requests are not charged: repeated tries postpone nothing", async () => {
    await using subject = await Subject.open(open);
    await subject.store("1", { limit: 1 });
    for (let i = 0; i < 50; i++) {
      subject.clock.jump(1_000);
      expect((await subject.post("2", { limit: 1 })).outcome).toBe("rate_limited");
      expect((await subject.history({ user: "anna", limit: 1 })).outcome).toBe("rate_limited");
    }
    subject.clock.jump(QUOTA_WINDOW_MS - 50_000);
    expect((await subject.post("2", { limit: 1 })).outcome).toBe("stored");
  });

  test("Q2 a limit of 0 refuses no request and reports zeros", async () => {
    await using subject = await Subject.open(open);
    await subject.store("1", { limit: 1 });
    expect((await subject.post("2", { limit: 1 })).outcome).toBe("rate_limited");
    for (let i = 2; i < 20; i++) {
      const { quota } = await subject.store(String(i), { limit: 0 });
      expect(quota).toBeNull();
    }
    expect(await subject.engine.quota("anna", 0)).toBeNull();
  });

  test("Q3 every result reports the rest of the quota, and `quota` reports it without charging", async () => {
    await using subject = await Subject.open(open);
    const limit = 3;
    expect(await subject.engine.quota("anna", limit)).toEqual({ limit, remaining: 3, reset: 0 });
    expect((await subject.store("1", { limit })).quota).toEqual({ limit, remaining: 2, reset: 3_600 });
    subject.clock.jump(1_500);
    expect((await subject.read({ user: "anna", limit })).quota).toEqual({
      limit,
      remaining: 1,
      reset: 3_600,
    });
    subject.clock.jump(500);
    expect(await subject.post("1", { limit })).toMatchObject({
      quota: { limit, remaining: 1, reset: 3_599.5 },
    });
    expect((await subject.store("2", { limit })).quota).toEqual({ limit, remaining: 0, reset: 3_600 });
    subject.clock.jump(1);
    expect(await subject.post("3", { limit })).toMatchObject({
      quota: { limit, remaining: 0, reset: 3_599.999 },
    });
    expect(await subject.engine.quota("anna", limit)).toEqual({ limit, remaining: 0, reset: 3_599.999 });
    subject.clock.jump(QUOTA_WINDOW_MS - 1);
    expect(await subject.engine.quota("anna", limit)).toEqual({ limit, remaining: 3, reset: 0 });
  });

  test("Q1 `charge` takes several requests at once, or none of them", async () => {
    await using subject = await Subject.open(open);
    const limit = 5;
    const charge = (count: number) => subject.engine.charge("anna", limit, count);
    expect(await charge(2)).toEqual({
      outcome: "charged",
      quota: { limit, remaining: 3, reset: QUOTA_WINDOW_MS / 1000 },
    });
    subject.clock.jump(1_000);
    expect(await charge(2)).toMatchObject({ outcome: "charged", quota: { remaining: 1 } });
    // Two do not fit, and the one that does is not taken either: the first two must leave the hour.
    const refused = {
      outcome: "rate_limited",
      retryAfter: QUOTA_WINDOW_MS - 1_000,
      quota: { limit, remaining: 1, reset: QUOTA_WINDOW_MS / 1000 },
    } as const;
    expect(await charge(2)).toEqual(refused);
    expect(await charge(2)).toEqual(refused);
    expect(await subject.engine.quota("anna", limit)).toEqual(refused.quota);
    // All five wait until the second two have left.
    expect(await charge(5)).toMatchObject({ outcome: "rate_limited", retryAfter: QUOTA_WINDOW_MS });
    subject.clock.jump(QUOTA_WINDOW_MS - 1_001);
    expect(await charge(2)).toMatchObject({ outcome: "rate_limited", retryAfter: 1 });
    subject.clock.jump(1);
    expect(await charge(3)).toMatchObject({ outcome: "charged", quota: { remaining: 0 } });
    expect(await subject.engine.charge("ben", limit, 5)).toMatchObject({ quota: { remaining: 0 } });
    expect(await subject.engine.charge("anna", 0, 9)).toEqual({ outcome: "charged", quota: null });
    await subject.reopen();
    expect(await subject.engine.quota("anna", limit)).toMatchObject({ remaining: 0 });
    expect(await subject.post("1", { limit })).toMatchObject({ outcome: "rate_limited", retryAfter: 1_000 });
  });

  for (const seed of seeds(11, 12, 13)) {
    test(`Q1 Q2 Q3 a random run with restarts and plan changes agrees with counting by hand (seed ${seed})`, async () => {
      await using subject = await Subject.open(open);
      const random = new Random(seed);
      const models = new Map(["anna", "ben"].map((user) => [user, new QuotaModel()]));
      let limit = 5;
      for (let step = 0; step < 200; step++) {
        subject.clock.jump(random.pick([0, 0, 1, 60_000, 600_000, random.between(0, QUOTA_WINDOW_MS / 3)]));
        if (random.next() < 0.1) limit = random.pick([0, 1, 3, 5, 12]);
        if (random.next() < 0.05) await subject.reopen();
        const user = random.pick([...models.keys()]);
        const model = models.get(user)!;
        const now = subject.clock.now();
        const wait = model.wait(limit, now);
        const result = await (random.next() < 0.3
          ? subject.history({ user, limit })
          : subject.post(`${step}`, { user, limit }));
        // An unmetered request is not counted, on any engine.
        if (wait === 0 && limit > 0) model.record(now);
        expect([step, result.outcome === "rate_limited" ? result.retryAfter : 0]).toEqual([step, wait]);
        expect(result).toMatchObject({ quota: model.view(limit, now) });
      }
    });
  }
}
