import { refreshContract } from "../../../contracts/refresh.ts";
import { StoreFolder } from "../store-folder.ts";

refreshContract("sqlite", async (clock) => {
  const folder = new StoreFolder();
  const store = await folder.open(clock);
  return {
    refreshTokens: store.refreshTokens,
    async reopen() {
      await store.close();
      return (await folder.open(clock)).refreshTokens;
    },
    close: () => folder[Symbol.asyncDispose](),
  };
});
