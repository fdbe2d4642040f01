import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestClient } from "../support/client.ts";
import { startTestServer } from "../support/server.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-tls-"));
const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };

beforeAll(() => {
  const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost";
  const { success, stderr } = Bun.spawnSync([
    "openssl",
    ...request.split(" "),
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", files.key, "-out", files.cert],
  ]);
  if (!success) throw new Error(`openssl made no certificate: ${stderr}`);
});
afterAll(() => rmSync(folder, { recursive: true }));

test("TLS_CERT and TLS_KEY: the server speaks https and wss itself, and its own page may connect", async () => {
  await using server = await startTestServer({ env: { TLS_CERT: files.cert, TLS_KEY: files.key } });
  expect(server.url).toStartWith("https://127.0.0.1:");
  const tls = { ca: Bun.file(files.cert) };
  const health = await fetch(`${server.url}/healthz`, { tls });
  expect(health.status).toBe(200);

  const address = `${server.wsUrl}/ws/anna/lobby?token=${await server.token("anna")}`;
  const open = (origin: string) => {
    const options = { tls, headers: { Origin: origin } };
    // Bun takes options where the DOM's types know a list of protocols only.
    return new TestClient(new WebSocket(address, options as unknown as string[]));
  };
  await using anna = open(server.url);
  expect((await anna.next("welcome")).user).toBe("anna");
  // The same place without encryption is another origin (W2).
  const foreign = open(server.url.replace("https", "http"));
  expect((await foreign.closed).code).not.toBe(1000);
  expect(foreign.frames).toEqual([]);
});
