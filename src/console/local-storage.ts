/** The part of `localStorage` that is used. `setItem` throws if the browser does not store the value. */
export type LocalStore = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** Returns the browser's storage for this page. If storage is disabled, even reading `localStorage` throws. */
export function browserStore(): LocalStore {
  return storeOf(() => localStorage);
}

/** Returns the storage of this tab, which a reload keeps. */
export function tabStore(): LocalStore {
  return storeOf(() => sessionStorage);
}

function storeOf(open: () => LocalStore): LocalStore {
  try {
    return open();
  } catch (error) {
    return {
      getItem: () => null,
      setItem() {
        throw error;
      },
      removeItem() {},
    };
  }
}
