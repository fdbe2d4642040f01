// The API key port (src/core/ports/access/api-keys.ts) in executable form. A store's own test file opens it and calls this.
import { describe, expect, test } from "bun:test";
import {
  type ApiKeyStore,
  MAX_STORED_API_KEYS,
  type StoredApiKey,
} from "../../src/core/ports/access/api-keys.ts";
import { ManualClock } from "../support/time/manual-clock.ts";

/** A store on data of its own, made for one test. */
export interface OpenedApiKeys {
  readonly apiKeys: ApiKeyStore;
  /** Opens the same data a second time, as another process does; `close` closes it with the rest. */
  openOther(): Promise<ApiKeyStore>;
  /** Closes all, and opens another store on the same data. */
  reopen(): Promise<ApiKeyStore>;
  /** Advances the store's time, and resolves when due work is done; without it, `clock` alone is its time. */
  pass?(milliseconds: number): Promise<void>;
  /** Closes all and deletes the data. */
  close(): Promise<void>;
}

function keyOf(name: string, fields: Partial<StoredApiKey> = {}): StoredApiKey {
  return { name, hash: "0".repeat(64), rights: ["read"], createdAt: 7, by: undefined, ...fields };
}

const LIMITED = keyOf("b", { rights: ["read", "write"], conversations: ["team-*", "lobby"], by: "ops" });

/** Every MUST of the API key port. */
export function apiKeyContract(name: string, open: (clock: ManualClock) => Promise<OpenedApiKeys>): void {
  async function begin() {
    const clock = new ManualClock(Date.now());
    const opened = await open(clock);
    const pass = async (milliseconds: number) => {
      if (opened.pass === undefined) clock.advance(milliseconds);
      else await opened.pass(milliseconds);
      await new Promise(setImmediate);
    };
    return { ...opened, pass, [Symbol.asyncDispose]: opened.close };
  }

  describe(`API key contract: ${name}`, () => {
    test("OA1 keys are listed by name as they were added, one for each name, also after reopening", async () => {
      await using store = await begin();
      const { apiKeys } = store;
      expect(await apiKeys.list()).toEqual([]);
      const names = ["b", "a", "__proto__", "B", "a:b"];
      for (const each of names) expect(await apiKeys.add(each === "b" ? LIMITED : keyOf(each))).toBe("added");
      expect(await apiKeys.add(keyOf("a", { rights: ["manage"] }))).toBe("taken");
      const check = async (keys: ApiKeyStore) => {
        expect((await keys.list()).map((key) => key.name)).toEqual([...names].sort());
        expect(await keys.list()).toContainEqual(LIMITED);
        expect(await keys.list()).toContainEqual(keyOf("a"));
      };
      await check(apiKeys);
      await check(await store.openOther());
      await check(await store.reopen());
    });

    test("OA1 a removed key is gone, and its name can be used again", async () => {
      await using store = await begin();
      const { apiKeys } = store;
      await apiKeys.add(keyOf("a"));
      expect(await apiKeys.remove("b")).toBe(false);
      expect(await apiKeys.remove("a")).toBe(true);
      expect(await apiKeys.remove("a")).toBe(false);
      expect(await apiKeys.add(keyOf("a", { rights: ["manage"] }))).toBe("added");
      expect((await apiKeys.list()).map(({ rights }) => rights)).toEqual([["manage"]]);
    });

    test(`OA1 no more than ${MAX_STORED_API_KEYS} keys are kept`, async () => {
      await using store = await begin();
      const { apiKeys } = store;
      for (let i = 0; i < MAX_STORED_API_KEYS; i++) await apiKeys.add(keyOf(`key-${i}`));
      expect(await apiKeys.add(keyOf("one-more"))).toBe("full");
      expect(await apiKeys.add(keyOf("key-7"))).toBe("taken");
      await apiKeys.remove("key-7");
      expect(await apiKeys.add(keyOf("one-more"))).toBe("added");
    });

    test("OA1 own changes are reported at once, others' within a second; a listener that fails is called again", async () => {
      await using store = await begin();
      const { apiKeys } = store;
      await apiKeys.add(keyOf("before"));
      const seen: string[] = [];
      let fails = 0;
      const stop = apiKeys.watch(async () => {
        if (fails-- > 0) throw new Error("broken");
        seen.push((await apiKeys.list()).map((key) => key.name).join());
      });
      await apiKeys.add(keyOf("own"));
      expect(seen).toEqual(["before,own"]);
      const other = await store.openOther();
      await other.remove("before");
      await store.pass(1_000);
      await other.add(keyOf("other"));
      fails = 1;
      await store.pass(1_000);
      await store.pass(1_000);
      expect(seen).toEqual(["before,own", "own", "other,own"]);
      await apiKeys.remove("own");
      expect(seen.at(-1)).toBe("other");
      stop();
      await other.add(keyOf("unheard"));
      await store.pass(1_000);
      expect(seen).toHaveLength(4);
    });
  });
}
