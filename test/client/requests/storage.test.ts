import { describe, expect, test } from "bun:test";
import { type ClientStorage, connect, type Pending } from "../../../src/client/index.ts";
import { reaches } from "../../support/clients/library.ts";
import { startTestServer } from "../../support/server/test-server.ts";

/** A storage in memory, and what it holds. */
function createStorage(): ClientStorage & { readonly kept: Map<string, readonly Pending[]> } {
  const kept = new Map<string, readonly Pending[]>();
  return {
    kept,
    load: async (key) => kept.get(key),
    save: async (key, pending) => void kept.set(key, pending),
  };
}

describe("storage", () => {
  test("a message that was not acked before the program ended is sent by the next one, and first", async () => {
    await using server = await startTestServer();
    const storage = createStorage();
    const token = await server.token("ann");
    // The port is closed, so that nothing is acked.
    const dead = connect({ url: "http://127.0.0.1:1", token, storage });
    const refusal = dead
      .conversation("lobby")
      .send("before the tab was closed", { id: "m1" })
      .catch((error) => error.code);
    await reaches(dead, "waiting");
    await dead.close();
    expect(await refusal).toBe("closed");
    expect(storage.kept.get("ann/lobby")).toEqual([{ id: "m1", text: "before the tab was closed" }]);
    const second = connect({ url: server.url, token, storage });
    expect((await second.conversation("lobby").send("and after it")).seq).toBe(2);
    expect((await second.conversation("lobby").history()).messages.map(({ id }) => id)[0]).toBe("m1");
    await second.close();
    expect(storage.kept.get("ann/lobby")).toEqual([]);
  });

  test("a failing storage is reported, and is not overwritten", async () => {
    await using server = await startTestServer();
    const storage = {
      load: () => Promise.reject(new Error("the disk is away")),
      save: () => {
        throw new Error("written over");
      },
    };
    const parley = connect({ url: server.url, token: await server.token("ann"), storage });
    const errors: string[] = [];
    parley.on("error", ({ code, message }) => errors.push(`${code} ${message}`));
    expect((await parley.conversation("lobby").send("all the same")).seq).toBe(1);
    await parley.close();
    expect(errors).toEqual(["storage Error: the disk is away"]);
  });
});
