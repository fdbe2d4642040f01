import { engineContract } from "../../contracts/engine.ts";
import { StoreFolder } from "./store-folder.ts";

engineContract("sqlite", async (clock) => {
  const folder = new StoreFolder();
  let store = await folder.open(clock);
  const reopen = async () => {
    await store.close();
    store = await folder.open(clock);
    return store.engine;
  };
  return { engine: store.engine, reopen, close: () => folder[Symbol.asyncDispose]() };
});
