import { expect, test } from "bun:test";
import {
  detectUncleanShutdown,
  markCleanShutdown,
} from "../../../../src/engine/sqlite/folder/unclean-shutdown.ts";
import { openStore, readMeta } from "../../../../src/engine/sqlite/schema.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";

/** Opens a store in memory, as the same file would be opened again and again. */
function storeWith(sync: "normal" | "full") {
  const store = openStore(":memory:", sync, 0);
  const log = new RecordedLog();
  return {
    log,
    start: (boot: string) => detectUncleanShutdown(store, log.emit, boot),
    stop: () => markCleanShutdown(store),
    epoch: () => readMeta(store, "epoch"),
    sync: () => (store.query("pragma synchronous").get() as { synchronous: number }).synchronous,
  };
}

test("D5 a machine that stopped while the server ran begins a new epoch, and the log reports it", () => {
  const store = storeWith("normal");
  const epoch = store.epoch();
  store.start("boot 1");
  store.start("boot 2");
  expect(store.epoch()).not.toBe(epoch);
  expect(store.log.events()).toEqual(["store.unclean_shutdown"]);
  expect(store.sync()).toBe(1);
});

test("D5 L2 a killed process, or a machine that stopped after the server, keeps the epoch", () => {
  const store = storeWith("normal");
  const epoch = store.epoch();
  store.start("boot 1");
  store.start("boot 1");
  store.stop();
  store.start("boot 2");
  expect(store.epoch()).toBe(epoch);
  expect(store.log.events()).toEqual([]);
});

test("D5 with STORE_SYNC=full no acked message can be lost, and the epoch stays", () => {
  const store = storeWith("full");
  const epoch = store.epoch();
  store.start("boot 1");
  store.start("boot 2");
  expect(store.epoch()).toBe(epoch);
  expect(store.sync()).toBe(2);
});
