import { describe, expect, test } from "bun:test";
import { readSettings } from "../../../src/server/settings/read.ts";
import { join } from "../../support/clients/join.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { ask, nameOf, startFaultServer } from "./fault-server.ts";

describe("TEST_FAULTS", () => {
  test("without it the address does not exist, and the page's settings show that", async () => {
    await using server = await startTestServer();
    await using anna = await join(server, "anna");
    expect((await ask(server, "anna", nameOf(anna), { do: "cut" })).status).toBe(404);
    expect((await fetch(`${server.url}/test/faults`)).status).toBe(404);
    expect(await (await fetch(`${server.url}/config.json`)).json()).toMatchObject({ faults: false });
    expect(server.log.events()).not.toContain("test.faults_enabled");
    await anna.settled();
  });

  test("with it the page's settings show it, and the log warns", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    expect(await (await fetch(`${server.url}/config.json`)).json()).toMatchObject({ faults: true });
    expect(server.log.entries).toContainEqual(
      expect.objectContaining({ level: "warn", event: "test.faults_enabled" }),
    );
    expect((await fetch(`${server.url}/test/faults`)).status).toBe(405);
  });

  test("`true` is for a server that only this machine reaches; `public` is for others, too", () => {
    const problems = (env: Record<string, string>) => {
      const read = readSettings({ env });
      return "problems" in read ? read.problems : [];
    };
    for (const host of ["127.0.0.1", "localhost", "::1"])
      expect(problems({ TEST_FAULTS: "true", HOST: host })).toEqual([]);
    expect(problems({ TEST_FAULTS: "true", HOST: "0.0.0.0" })).toEqual([
      "TEST_FAULTS=true is for a server that only this machine reaches, and HOST=0.0.0.0 lets others reach it: take TEST_FAULTS away, or set it to `public` if others may ask for faults, too.",
    ]);
    expect(problems({ TEST_FAULTS: "true", TRUSTED_PROXIES: "127.0.0.1" })[0]).toContain(
      "behind TRUSTED_PROXIES others do",
    );
    for (const env of [{ HOST: "0.0.0.0" }, { TRUSTED_PROXIES: "127.0.0.1" }] as Record<string, string>[])
      expect(problems({ TEST_FAULTS: "public", ...env })).toEqual([]);
    expect(problems({ TEST_FAULTS: "maybe" })).toEqual([
      'TEST_FAULTS="maybe" (from the environment) must be true, false or public.',
    ]);
    expect(problems({ HOST: "0.0.0.0" })).toEqual([]);
  });
});

describe("permissions", () => {
  test("A4 another user's connection is reported as unknown, and is not affected", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    await using anna = await join(server, "anna");
    await using ben = await join(server, "ben");
    const foreign = await ask(server, "ben", nameOf(anna), { do: "cut" });
    const missing = await ask(server, "ben", "unknown", { do: "cut" });
    expect(foreign).toMatchObject({ status: 404, body: { code: "not_found" } });
    expect(foreign.body.detail).toBe(
      `ben has no open connection \`${nameOf(anna)}\` on this server; its name stands in its \`welcome\`.`,
    );
    expect(String(missing.body.detail).replace("unknown", nameOf(anna))).toBe(String(foreign.body.detail));
    await anna.settled();
    await ben.settled();
  });

  test("A1 without a token, or with an invalid one, no fault is made", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    await using anna = await join(server, "anna");
    const body = JSON.stringify({ connection: nameOf(anna), fault: { do: "cut" } });
    for (const headers of [{}, { Authorization: "Bearer nonsense" }] as Record<string, string>[]) {
      const answer = await fetch(`${server.url}/test/faults`, { method: "POST", headers, body });
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({ code: "unauthorized" });
    }
    await anna.settled();
  });

  test("a closed connection cannot have faults", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    const anna = await join(server, "anna");
    anna.socket.close();
    await anna.closed;
    expect((await ask(server, "anna", nameOf(anna), { do: "cut" })).status).toBe(404);
  });

  test("H2 an invalid request is explained, and the reply to a valid one contains it as it was understood", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    await using anna = await join(server, "anna");
    expect(await ask(server, "anna", nameOf(anna), { do: "delay" })).toMatchObject({
      status: 422,
      body: { code: "invalid", detail: "`fault.milliseconds`: must be a number." },
    });
    expect(await ask(server, "anna", nameOf(anna), { do: "lose", next: "ack" })).toEqual({
      status: 200,
      body: { connection: nameOf(anna), fault: { do: "lose", next: "ack", count: 1 } },
    });
    expect(server.log.entries).toContainEqual({
      level: "warn",
      event: "test.fault_injected",
      fields: expect.objectContaining({ user: "anna", connection: nameOf(anna), fault: "lose" }),
    });
  });

  test("W2 a page of a listed origin may ask, and another one cannot read the reply", async () => {
    await using bench = await startFaultServer({ ALLOWED_ORIGINS: "https://app.example" });
    const { server } = bench;
    const preflight = (origin: string) =>
      fetch(`${server.url}/test/faults`, {
        method: "OPTIONS",
        headers: { Origin: origin, "Access-Control-Request-Method": "POST" },
      });
    expect((await preflight("https://app.example")).headers.get("Access-Control-Allow-Origin")).toBe(
      "https://app.example",
    );
    expect((await preflight("https://evil.example")).status).toBe(403);
  });
});
