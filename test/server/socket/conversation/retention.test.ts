// Removed messages, for a client that resumes before them.
import { expect, test } from "bun:test";
import { TestClient } from "../../../support/clients/test-client.ts";
import { startTestServer } from "../../../support/server/test-server.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";

test("N3 D5 a resume before messages removed by RETENTION_MESSAGES gets their range as lost, and the rest", async () => {
  const clock = new ManualClock();
  await using server = await startTestServer({ env: { RETENTION_MESSAGES: "2" }, clock });
  const address = `${server.wsUrl}/ws/anna/lobby?token=${await server.token("anna")}`;
  await using first = await TestClient.connect(address);
  const { epoch } = first.of("welcome")[0]!;
  for (const text of ["1", "2", "3", "4", "5"]) {
    first.send({ type: "message", text });
    await first.next("ack");
  }
  // Housekeeping, which raises the floor at once.
  clock.advance(1_000);
  await first.settled();
  first.send({ type: "history" });
  const history = await first.next("history");
  expect([...history.messages.map(({ seq }) => seq), history.more]).toEqual([4, 5, false]);
  await using second = await TestClient.connect(`${address}&after=1&epoch=${epoch}`);
  expect(second.of("welcome")[0]).toEqual({
    ...first.of("welcome")[0]!,
    connection: expect.any(String),
    resumed: true,
    seq: 5,
    lost: { first: 2, last: 3 },
    quota: expect.any(Object),
    present: [{ user: "anna", since: expect.any(Number) }],
    at: expect.any(Number),
  });
  expect((await second.next("message")).seq).toBe(4);
  expect((await second.next("message")).seq).toBe(5);
  await using third = await TestClient.connect(`${address}&after=3&epoch=${epoch}`);
  const welcome = third.of("welcome")[0]!;
  expect(welcome).toMatchObject({ resumed: true, seq: 5 });
  expect(welcome.lost).toBeUndefined();
});
