import type { ClientStorage, Pending } from "../types/options.ts";

/**
 * Keeps pending messages in the browser. Each tab has a place of its own in `localStorage`, which it holds by a lock (Web Locks)
 * until it ends; a reloaded tab gets a free place back, and each `load` takes over what tabs left that are closed. Without Web
 * Locks (a page without TLS) the messages are in `sessionStorage`, and so end with the tab.
 *
 * May be called while a page is rendered on a server: nothing is read before the first message.
 */
export function browserStorage(prefix = "parley"): ClientStorage {
  let mine: Promise<string> | undefined;
  const locks = () => globalThis.navigator?.locks as LockManager | undefined;
  const nameOf = (number: number) => `${prefix}/${number}`;

  /** Takes the first place that no open tab holds. */
  async function takePlace(): Promise<string> {
    for (let number = 0; ; number++)
      if (
        await new Promise<boolean>((resolve, reject) => {
          locks()!
            .request(nameOf(number), { ifAvailable: true }, (lock) => {
              resolve(lock !== null);
              // Held until the tab ends.
              return lock === null ? undefined : new Promise(() => {});
            })
            .catch(reject);
        })
      )
        return nameOf(number);
  }

  function place(): Promise<string> {
    mine ??= takePlace();
    return mine;
  }

  const read = (storage: Storage, name: string) =>
    JSON.parse(storage.getItem(name) ?? "[]") as readonly Pending[];

  /** Returns the messages under `key` in places whose tabs are closed, and empties them. */
  async function takeOver(key: string, own: string): Promise<readonly Pending[]> {
    const left: Pending[] = [];
    for (const name of Object.keys(localStorage)) {
      const theirs = name.slice(0, -key.length - 1);
      if (!name.startsWith(`${prefix}/`) || !name.endsWith(`/${key}`) || theirs === own) continue;
      await locks()!.request(theirs, { ifAvailable: true }, (lock) => {
        if (lock === null) return;
        left.push(...read(localStorage, name));
        localStorage.removeItem(name);
      });
    }
    return left;
  }

  return {
    async load(key) {
      if (locks() === undefined) return read(sessionStorage, `${prefix}/${key}`);
      const own = await place();
      const left = await takeOver(key, own);
      const pending = [...left, ...read(localStorage, `${own}/${key}`)];
      // Before the messages are sent: a tab that ends now leaves them in its own place.
      if (left.length > 0) localStorage.setItem(`${own}/${key}`, JSON.stringify(pending));
      return pending;
    },
    async save(key, pending) {
      const isShared = locks() !== undefined;
      const storage = isShared ? localStorage : sessionStorage;
      const name = `${isShared ? await place() : prefix}/${key}`;
      if (pending.length === 0) storage.removeItem(name);
      else storage.setItem(name, JSON.stringify(pending));
    },
  };
}
