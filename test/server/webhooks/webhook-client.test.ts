import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebhookClient, type WebhookClientOptions } from "../../../src/server/webhooks/webhook-client.ts";
import { makeCertificate } from "../../support/server/certificates.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
const { certificate, key } = makeCertificate(folder);
const ca = readFileSync(certificate, "utf8");
const tls = { cert: Bun.file(certificate), key: Bun.file(key) };

/** The requests that the receivers got, as `<host> <path>`. */
const got: string[] = [];

const answers: Readonly<Record<string, () => Response>> = {
  "/ok": () => new Response("fine"),
  "/busy": () => new Response("", { status: 429, headers: { "Retry-After": "7" } }),
  "/gone": () => new Response("", { status: 410 }),
  "/moved": () => new Response("", { status: 307, headers: { Location: "/ok" } }),
  "/large": () => new Response(new Uint8Array(20_000_000)),
};

function answer(request: Request): Response {
  const { pathname } = new URL(request.url);
  got.push(`${request.headers.get("host")} ${pathname}`);
  return answers[pathname]!();
}

const plain = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer });
const secure = Bun.serve({ hostname: "127.0.0.1", port: 0, tls, fetch: answer });

/** Requests that are answered together, in one turn of the event loop. */
const TOGETHER = 8;
const together: { write(text: string): unknown }[] = [];

function answerAllAtOnce(socket: { write(text: string): unknown }): void {
  together.push(socket);
  if (together.length < TOGETHER) return;
  for (const one of together.splice(0)) one.write("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n");
}

/** A receiver that answers byte by byte, wrongly, or not at all. */
const slow = Bun.listen<undefined>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    data(socket, bytes) {
      const [, path] = bytes.toString().split(" ");
      if (path === "/body") socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\na");
      if (path === "/headers") socket.write(`HTTP/1.1 200 OK\r\nX-Long: ${"x".repeat(500_000)}`);
      if (path === "/nonsense") socket.end("220 mail.example ESMTP\r\n");
      if (path === "/cut") socket.end();
      if (path === "/upgrade") socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n");
      if (path === "/length") socket.end("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n");
      if (path === "/gone-at-once") answerAllAtOnce(socket);
    },
  },
});

afterAll(() => {
  for (const server of [plain, secure]) void server.stop(true);
  slow.stop(true);
  rmSync(folder, { recursive: true });
});

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

/** Sends one event; `resolve` gives every name the address of this machine, unless a test says otherwise. */
function send(
  url: string,
  options: Partial<WebhookClientOptions> = {},
  signal = new AbortController().signal,
) {
  const client = new WebhookClient({
    ...{ allowPrivate: true, version: "1", ca, resolve: async () => ["127.0.0.1"], ...options },
  });
  return client.send({ url, id: "e1", body: "{}", at: 1_000_000, secrets: [SECRET] }, signal);
}

test("EV2 the status of an answer counts, with its Retry-After; redirects are not followed, and a long body is not read", async () => {
  const at = (path: string) => send(`http://hooks.internal:${plain.port}${path}`);
  expect(await at("/ok")).toEqual({ status: 200 });
  expect(await at("/busy")).toEqual({ status: 429, retryAfter: "7" });
  expect(await at("/gone")).toEqual({ status: 410 });
  expect(await at("/large")).toEqual({ status: 200 });
  got.length = 0;
  expect(await at("/moved")).toEqual({ status: 307 });
  expect(got).toEqual([`hooks.internal:${plain.port} /moved`]);
});

test("EV2 the certificate is checked against the name, also when a connection to the same address is open", async () => {
  expect(await send(`https://localhost:${secure.port}/ok`)).toEqual({ status: 200 });
  expect(await send(`https://evil.example:${secure.port}/ok`)).toHaveProperty("error");
  expect(await send(`https://127.0.0.1:${secure.port}/ok`)).toEqual({ status: 200 });
  expect(await send(`https://localhost:${secure.port}/ok`, { ca: readFileSync(key, "utf8") })).toHaveProperty(
    "error",
  );
});

test("EV2 no request goes to a private address, whatever name or address it is written by, nor by http to a public one", async () => {
  got.length = 0;
  for (const host of [
    "127.0.0.1",
    "2130706433",
    "0x7f.1",
    "localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "a.example",
  ])
    expect(await send(`https://${host}:${secure.port}/ok`, { allowPrivate: false })).toMatchObject({
      error: expect.stringMatching(/is private, which needs WEBHOOK_ALLOW_PRIVATE$/),
    });
  const refused = async (addresses: string[], url = `https://a.example:${secure.port}/ok`) =>
    ((await send(url, { resolve: async () => addresses })) as { error: string }).error;
  expect(await refused(["127.0.0.1", "0.0.0.0"])).toContain("0.0.0.0 is not one of a single machine");
  expect(await refused(["93.184.216.34"], "http://a.example/ok")).toContain("is public, which needs https");
  expect(await refused([])).toBe("its name has no address");
  expect(got).toEqual([]);
});

test("EV2 SEC-P6 the request goes to the address that was checked: a name server that answers otherwise the second time gains nothing", async () => {
  let asked = 0;
  const resolve = async () => (asked++ === 0 ? ["127.0.0.1"] : ["127.0.0.2"]);
  expect(await send(`http://a.example:${plain.port}/ok`, { resolve })).toEqual({ status: 200 });
  expect(asked).toBe(1);
  // Of several addresses the next one is tried where nothing listens at the first.
  const both = async () => ["::1", "127.0.0.1"];
  expect(await send(`http://a.example:${plain.port}/ok`, { resolve: both })).toEqual({ status: 200 });
});

test("EV2 a receiver that answers slowly, at length, wrongly or not at all takes no longer than the time limit", async () => {
  const at = (path: string) => send(`http://a.example:${slow.port}${path}`, { timeoutMs: 400 });
  expect(await at("/body")).toEqual({ status: 200 });
  expect(await at("/silent")).toEqual({ error: "no answer within 0.4 s" });
  expect(await at("/headers")).toHaveProperty("error");
  for (const path of ["/nonsense", "/length"])
    expect(await at(path)).toEqual({ error: "what it answered is not valid HTTP" });
  expect(await at("/cut")).toEqual({ error: "it ended the connection without an answer" });
  expect(await at("/upgrade")).toEqual({
    error: "it answered with status 101, another protocol, which was not asked for",
  });
  const never = () => new Promise<readonly string[]>(() => {});
  expect(await send("https://a.example/", { timeoutMs: 50, resolve: never })).toEqual({
    error: "no answer within 0.05 s",
  });
  const unknown = async () => Promise.reject(Object.assign(new Error("x"), { code: "ENOTFOUND" }));
  expect(await send("https://a.example/secret-path", { resolve: unknown })).toEqual({
    error: "its host name is not known",
  });
  const strange = async () => Promise.reject(Object.assign(new Error("x"), { code: "ESTRANGE" }));
  expect(await send("https://a.example/", { resolve: strange })).toEqual({
    error: "the request failed (ESTRANGE)",
  });
  expect(await send(`https://evil.example:${secure.port}/ok`)).toEqual({
    error: "its certificate is for another name",
  });
  const stop = AbortSignal.abort(new Error("stopped"));
  expect(send(`http://a.example:${slow.port}/silent`, {}, stop)).rejects.toThrow("stopped");
});

test("EV2 requests that are ended by the 410 of another one leave no rejection without a handler", async () => {
  // The test runner fails a test where one is left.
  const stop = new AbortController();
  const results = Array.from({ length: TOGETHER }, () =>
    send(`http://127.0.0.1:${slow.port}/gone-at-once`, {}, stop.signal).finally(() => stop.abort()),
  );
  // Those whose status had not come are ended by the first one that had.
  const outcomes = (await Promise.allSettled(results)).map((result) =>
    result.status === "fulfilled" ? (result.value as { status?: number }).status : result.reason.name,
  );
  expect(outcomes).toContain(410);
  expect(outcomes.filter((outcome) => outcome !== 410 && outcome !== "AbortError")).toEqual([]);
  // Nor where it is ended before a name is looked up.
  const failing = async () => Promise.reject(new Error("not looked up"));
  const late = send("https://a.example/", { resolve: failing }, stop.signal);
  expect(await late.catch((error) => error.name)).toBe("AbortError");
});
