import { openAccounts } from "../../../src/engine/sqlite/open.ts";
import { revocationContract } from "../../contracts/revocations.ts";
import { StoreFolder } from "./store-folder.ts";

revocationContract("sqlite", async (clock) => {
  const folder = new StoreFolder();
  let store = await folder.open(clock);
  const besides: { close(): void }[] = [];
  const closeBesides = () => {
    for (const beside of besides.splice(0)) beside.close();
  };
  return {
    revocations: store.revocations,
    async beside() {
      const beside = openAccounts({ dataDir: folder.path, clock, log: folder.log, sync: "normal" });
      besides.push(beside);
      return beside.revocations;
    },
    async reopen() {
      closeBesides();
      await store.close();
      store = await folder.open(clock);
      return store.revocations;
    },
    async close() {
      closeBesides();
      await folder[Symbol.asyncDispose]();
    },
  };
});
