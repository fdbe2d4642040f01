import { changesContract } from "../../../contracts/changes.ts";
import { StoreFolder } from "../store-folder.ts";

changesContract("sqlite", async (clock, retention) => {
  const folder = new StoreFolder();
  let store = await folder.open(clock, retention);
  const reopen = async () => {
    await store.close();
    store = await folder.open(clock, retention);
    return store.engine;
  };
  const clean = () => store.applyRetention();
  return { engine: store.engine, reopen, clean, close: () => folder[Symbol.asyncDispose]() };
});
