/** As much of `localStorage` as is used. What it is given may not be kept: then `setItem` throws. */
export type LocalStore = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** What the browser keeps for this page; where it keeps nothing for any page, even the name `localStorage` throws. */
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
