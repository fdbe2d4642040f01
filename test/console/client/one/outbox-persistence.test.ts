import { expect, test } from "bun:test";
import { STORAGE_TIMEOUT_MS } from "../../../../src/client/options.ts";
import type { Pending } from "../../../../src/console/client/one/options.ts";
import { createOutboxPersistence } from "../../../../src/console/client/one/outbox-persistence.ts";
import { ManualTiming } from "../../../support/time/manual-timing.ts";

const pending = (id: string): Pending => ({ id, text: `text of ${id}` });
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** The persistence of the conversation `lobby` over `places`, whose calls can be held. */
function setUp(places: Record<string, readonly Pending[]> = {}) {
  const timing = new ManualTiming();
  const calls: string[] = [];
  const kept: Pending[][] = [];
  const errors: string[] = [];
  const held = new Map<string, PromiseWithResolvers<void>>();
  const hold = (call: string) => held.set(call, Promise.withResolvers());
  const storage = {
    async load(key: string) {
      calls.push(`load ${key}`);
      await held.get(`load ${key}`)?.promise;
      return places[key] ?? [];
    },
    async save(key: string, all: readonly Pending[]) {
      calls.push(`save ${key} ${all.map(({ id }) => id)}`);
      await held.get(`save ${key}`)?.promise;
      places[key] = all;
    },
  };
  const onKept = (all: readonly Pending[]) => {
    kept.push([...all]);
    keeper.save(kept.flat());
  };
  const keeper = createOutboxPersistence(storage, "lobby", timing, onKept, (error) =>
    errors.push(String(error)),
  );
  return { timing, calls, kept, errors, keeper, places, hold, held };
}

test("24 messages from before the user is known are kept, and belong to the user who signs in next", async () => {
  const { keeper, places, calls } = setUp({ "/lobby": [pending("m1")], "ann/lobby": [pending("m0")] });
  await keeper.load(undefined);
  await keeper.load("ann");
  await keeper.settled();
  expect(places).toEqual({ "/lobby": [], "ann/lobby": [pending("m1"), pending("m0")] });
  // The new place holds it before the old one is cleared.
  expect(calls).toEqual([
    "load /lobby",
    "save /lobby m1",
    "load ann/lobby",
    "save ann/lobby m1,m0",
    "save /lobby ",
  ]);
});

test("24 a user who is named from the start has one place", async () => {
  const { keeper, calls } = setUp();
  await Promise.all([keeper.load("ann"), keeper.load("ann")]);
  await keeper.load("ann");
  keeper.save([pending("m1")]);
  await keeper.settled();
  expect(calls.filter((call) => call !== "load ann/lobby")).toEqual(["save ann/lobby ", "save ann/lobby m1"]);
});

test("09 a storage that does not reply is reported, is not waited for again, and is used when it replies late", async () => {
  const { keeper, timing, calls, kept, errors, hold, held } = setUp({ "ann/lobby": [pending("m1")] });
  hold("load ann/lobby");
  const read = keeper.load("ann");
  await settle();
  timing.advance(STORAGE_TIMEOUT_MS);
  await read;
  expect(errors).toEqual(["Error: storage.load: no result after 5 s"]);
  // Not written: it may hold something.
  keeper.save([pending("m2")]);
  await keeper.load("ann");
  await settle();
  expect(calls).toEqual(["load ann/lobby", "load ann/lobby"]);
  held.get("load ann/lobby")!.resolve();
  await settle();
  expect(kept).toEqual([[pending("m1")]]);
  expect(calls.at(-1)).toBe("save ann/lobby m1");
});

test("09 a save that never ends delays neither the next one nor close()", async () => {
  const { keeper, timing, calls, errors, hold } = setUp();
  await keeper.load("ann");
  await keeper.settled();
  hold("save ann/lobby");
  keeper.save([pending("m1")]);
  await settle();
  keeper.save([pending("m1"), pending("m2")]);
  keeper.save([pending("m2")]);
  const settled = keeper.settled();
  await settle();
  timing.advance(STORAGE_TIMEOUT_MS);
  await settle();
  expect(calls.slice(-2)).toEqual(["save ann/lobby m1", "save ann/lobby m2"]);
  timing.advance(STORAGE_TIMEOUT_MS);
  await settled;
  expect(errors).toEqual(Array(2).fill("Error: storage.save: no result after 5 s"));
});
