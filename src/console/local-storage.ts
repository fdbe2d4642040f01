/** The part of `localStorage` that is used. `setItem` throws if the browser does not store the value. */
export type LocalStore = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** Returns the browser's storage for this page. If storage is disabled, even reading `localStorage` throws. */
export function browserStore(): LocalStore {
  try {
    return localStorage;
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
