import { expect, test } from "bun:test";
import { HttpWriters } from "../../../src/server/streams/http-writers.ts";
import { startTestServer } from "../../support/server/test-server.ts";

test("ST3 a missed revocation ends what was written over HTTP with that token, and nothing else", async () => {
  let writers: HttpWriters | undefined;
  await using _server = await startTestServer({
    wrapEngine(engine) {
      writers = new HttpWriters(engine);
      return engine;
    },
  });
  const start = async (id: string, tokenId: string | undefined) => {
    const token = tokenId === undefined ? undefined : { tokenId, issuedAt: 5 };
    const started = await writers!.start({ conversation: "room", user: "anna", id, limit: 0 }, token);
    if (started.outcome !== "started") throw new Error(started.outcome);
    const { stream, generation } = started;
    const request = { conversation: "room", stream, generation, user: "anna", token };
    return (name = token) => writers!.write({ ...request, token: name, appends: [] });
  };
  const revoked = await start("a", "gone");
  const kept = await start("b", "kept");
  const keyed = await start("c", undefined);
  const renewed = await start("d", "gone");
  await renewed({ tokenId: "new", issuedAt: 6 });
  await writers!.recheck(async ({ id, subject, issuedAt }) => {
    expect([subject, issuedAt]).toEqual(["anna", expect.any(Number)]);
    return id === "gone";
  });
  expect(await revoked()).toEqual({ outcome: "fenced", seq: 1 });
  for (const write of [kept, keyed, () => renewed({ tokenId: "new", issuedAt: 6 })])
    expect(await write()).toEqual({ outcome: "stored", n: 0 });
});
