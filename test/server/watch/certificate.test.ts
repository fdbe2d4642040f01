import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { ServerMetrics } from "../../../src/server/metrics/server-metrics.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { makeCertificate } from "../../support/server/certificates.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

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

/** The expiry of the certificate that the server presents to new connections. */
function shown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(new Date(socket.getPeerCertificate().valid_to).toISOString().slice(0, 10));
      socket.end();
    });
    socket.on("error", reject);
  });
}

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

/** A server with a certificate of its own, which ends in 90 days, and the files of another one, which ends in 180. */
async function serverWithFiles() {
  const own = mkdtempSync(join(folder, "renewal-"));
  const first = makeCertificate(own, { name: "first" });
  const second = makeCertificate(own, { name: "second", until: 180 });
  // As in a volume of Kubernetes, or what certbot makes: a link to a folder with a version of the files.
  for (const [version, pair] of [["v1", first] as const, ["v2", second] as const]) {
    mkdirSync(join(own, version));
    copyFileSync(pair.certificate, join(own, version, "tls.crt"));
    copyFileSync(pair.key, join(own, version, "tls.key"));
  }
  symlinkSync("v1", join(own, "live"));
  const clock = new ManualClock(Date.now());
  const files = { cert: join(own, "live/tls.crt"), key: join(own, "live/tls.key") };
  const server = await startTestServer({ env: { TLS_CERT: files.cert, TLS_KEY: files.key }, clock });
  const open = async (user: string) =>
    new TestClient(
      new WebSocket(`${server.wsUrl}/ws/${user}/lobby?token=${await server.token(user)}`, {
        tls: { rejectUnauthorized: false },
      } as unknown as string[]),
    );
  const pointTo = (version: string) => {
    symlinkSync(version, join(own, "next"));
    renameSync(join(own, "next"), join(own, "live"));
  };
  return { own, first, second, clock, files, server, open, pointTo };
}

test("a replaced certificate is presented to new connections, and ends no open one", async () => {
  const { clock, server, open, pointTo } = await serverWithFiles();
  await using _server = server;
  await using anna = await open("anna");
  await anna.next("welcome");
  expect(await shown(server.port)).toBe(inDays(90));
  pointTo("v2");
  clock.advance(1000);
  // The files may not all be in place yet.
  expect(await shown(server.port)).toBe(inDays(90));
  clock.advance(1000);
  expect(await shown(server.port)).toBe(inDays(180));
  expect(server.log.entries.find(({ event }) => event === "tls.renewed")?.fields).toMatchObject({
    not_after: expect.stringContaining(inDays(180)),
  });
  // Older and newer clients are in one conversation, and receive each other's messages.
  await using ben = await open("ben");
  await ben.next("welcome");
  ben.send({ type: "message", text: "from ben", id: "b" });
  expect((await anna.next("message")).text).toBe("from ben");
  anna.send({ type: "message", text: "from anna", id: "a" });
  expect((await anna.next("ack")).id).toBe("a");
  await ben.next("message");
  expect((await ben.next("message")).text).toBe("from anna");
  await server.stop();
  expect(await anna.closed).toEqual({ code: 1012, reason: "restarting" });
  expect(await ben.closed).toEqual({ code: 1012, reason: "restarting" });
});

test("an unusable certificate is logged once, and the previous one stays; the next valid one is used", async () => {
  const { own, second, clock, files, server } = await serverWithFiles();
  await using _server = server;
  const refusals = () => server.log.events().filter((event) => event === "tls.refused").length;
  const spoil: [change: () => void, reason: string][] = [
    [
      () => writeFileSync(join(own, "v1/tls.crt"), "no certificate"),
      "TLS_CERT has no certificate in PEM form",
    ],
    [
      () => copyFileSync(second.certificate, join(own, "v1/tls.crt")),
      "TLS_KEY does not belong to TLS_CERT: one of them was replaced and the other was not, or it is the key of another certificate",
    ],
    [() => rmSync(files.key), `TLS_KEY=${files.key} cannot be read: there is no such file`],
  ];
  for (const [index, [change, reason]] of spoil.entries()) {
    change();
    for (let i = 0; i < 5; i++) clock.advance(1000);
    expect(refusals()).toBe(index + 1);
    expect(server.log.entries.findLast(({ event }) => event === "tls.refused")!.fields.reason).toBe(reason);
    expect(await shown(server.port)).toBe(inDays(90));
  }
  copyFileSync(second.key, join(own, "v1/tls.key"));
  for (let i = 0; i < 2; i++) clock.advance(1000);
  expect(await shown(server.port)).toBe(inDays(180));
});

test("SIGHUP reads the certificate at once", async () => {
  const { server, pointTo } = await serverWithFiles();
  await using _server = server;
  pointTo("v2");
  server.readCertificate();
  expect(await shown(server.port)).toBe(inDays(180));
});

test("a certificate that ends soon or has ended is in the log at the start, once a day and after a renewal, and in the metrics", async () => {
  const own = mkdtempSync(join(folder, "ending-"));
  const first = makeCertificate(own, { name: "first", from: -70, until: 20 });
  const renewed = makeCertificate(own, { name: "renewed", until: 90 });
  const clock = new ManualClock(Date.now());
  const metrics = new ServerMetrics({ clock, version: "1", engine: "embedded", plans: [] });
  expect(await metrics.read()).not.toMatch(/^parley_certificate_\w+ /m);
  await using server = await startTestServer({
    env: { TLS_CERT: first.certificate, TLS_KEY: first.key },
    clock,
    metrics,
  });
  const lines = () => server.log.events().filter((event) => event.startsWith("tls."));
  const leftDays = async () =>
    Math.round(Number(/^parley_certificate_left_seconds (\S+)$/m.exec(await metrics.read())![1]) / 86_400);
  expect(lines()).toEqual(["tls.expiring"]);
  expect(server.log.entries.find(({ event }) => event === "tls.expiring")!.fields).toMatchObject({
    not_after: expect.stringContaining(inDays(20)),
    advice: expect.stringContaining("without a restart"),
  });
  expect(await leftDays()).toBe(20);
  clock.step(86_400_000);
  for (let i = 0; i < 3; i++) clock.advance(1000);
  expect(lines()).toEqual(["tls.expiring", "tls.expiring"]);
  clock.step(20 * 86_400_000);
  clock.advance(1000);
  expect(lines().slice(2)).toEqual(["tls.expired"]);
  expect(await leftDays()).toBe(-1);
  copyFileSync(renewed.certificate, first.certificate);
  copyFileSync(renewed.key, first.key);
  for (let i = 0; i < 2; i++) clock.advance(1000);
  expect(lines().slice(3)).toEqual(["tls.renewed"]);
  expect(await metrics.read()).toContain("parley_certificate_lifetime_seconds 7862400");
  metrics.stop();
});
