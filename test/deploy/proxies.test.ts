// The examples of deploy/ with the programs that they are for, in front of a server with its defaults: a server for this machine
// only, without TRUSTED_PROXIES and ALLOWED_ORIGINS. Below a path the page once asked for `/console/main.js` of the whole site.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { createPasswords } from "../../src/server/authentication/passwords.ts";
import { enter, PATIENCE, say } from "../e2e/console-page.ts";
import { chromiumPath, openPage, startBrowser } from "../support/browser/browser.ts";
import { isLong } from "../support/random.ts";
import { accountOf, startTestServer, type TestServer } from "../support/server/test-server.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { isInstalled, type RunningProxy, startBareHaproxy, startHaproxy, startNginx } from "./proxy.ts";

const HOST_NAME = "chat.example.com";

/** The server behind each proxy. */
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await addUser(server);
});
afterAll(() => server.stop());

/** An account of a user on another machine. */
async function addUser({ accounts }: TestServer): Promise<void> {
  const hashing = await createPasswords({ cost: 4, queue: 1 }).hash("correct horse");
  if (hashing.outcome === "busy") throw new Error("busy");
  await accounts.add(accountOf("ann", { passwordHash: hashing.hash }));
}

/** A browser at paths of `https://chat.example.com`, which resolves to the proxy. */
async function chatThrough(proxy: RunningProxy, paths: readonly string[]): Promise<void> {
  await using browser = await startBrowser([
    `--host-resolver-rules=MAP ${HOST_NAME} 127.0.0.1:${proxy.port}`,
  ]);
  for (const path of paths) await chatAt(browser, `https://${HOST_NAME}${path}`);
}

/** Signs in at this address, writes, and is still signed in after a reload. */
async function chatAt(browser: Browser, address: string): Promise<void> {
  await using watched = await openPage(browser, address, { ignoreHTTPSErrors: true });
  const { page } = watched;
  await page.locator("#version", { hasText: "Parley" }).waitFor();
  expect(await page.locator("#demo").count()).toBe(0);
  await page.getByLabel("User name").fill("ann");
  await page.getByLabel("Password").fill("correct horse");
  await page.locator("#sign-in-button").click();
  await enter(page, "lobby");
  // The proxies share a server, and so a conversation.
  const text = `through a proxy ${crypto.randomUUID()}`;
  await say(page, text);
  await page.locator("[data-seq]", { hasText: text }).waitFor();
  // The cookie of the session has the path below which the proxy serves the page.
  await page.reload();
  await page.locator("[data-seq]", { hasText: text }).waitFor();
  expect(watched.errors).toEqual([]);
}

const EXAMPLES: readonly [
  program: string,
  name: string,
  paths: readonly string[],
  start: (port: number) => Promise<RunningProxy>,
][] = [
  ["nginx", "nginx.conf", ["/"], (port) => startNginx("nginx.conf", port)],
  ["nginx", "nginx-prefix.conf", ["/chat/"], (port) => startNginx("nginx-prefix.conf", port)],
  ["haproxy", "haproxy.cfg", ["/", "/chat"], startHaproxy],
];

// The short form has one of each program; both files of nginx differ in the path only.
for (const [program, name, paths, start] of isLong ? EXAMPLES : EXAMPLES.slice(1))
  describe.skipIf(chromiumPath() === undefined || !isInstalled(program))(`deploy/${name}`, () => {
    test(
      `W2 SEC-S3 the page at ${paths.join(" and ")} works without a setting, and shows no demo accounts`,
      async () => {
        await using proxy = await start(server.port);
        await chatThrough(proxy, paths);
      },
      PATIENCE,
    );
  });

describe.skipIf(!isInstalled("haproxy"))("HAProxy's health checks", () => {
  test.each([
    ["option httpchk", "UP L7OK 204"],
    ["option httpchk GET /readyz", "UP L7OK 200"],
    ["option httpchk HEAD /healthz", "UP L7OK 200"],
    ["option httpchk GET /readyz\n  http-check send ver HTTP/1.1 hdr Host node_1.internal", "UP L7OK 200"],
  ])("W1 %s finds a node that is ready UP", async (health, wanted) => {
    await using proxy = await startBareHaproxy(server.port, health);
    await waitUntil("a check has a result", async () => (await proxy.status()) !== "");
    expect(await proxy.status()).toBe(wanted);
  });
});

describe.skipIf(Bun.which("systemd-analyze") === null)("deploy/parley.service", () => {
  test("systemd reports no problem", async () => {
    const file = join(import.meta.dir, "../../deploy/parley.service");
    // The program need not be installed here; everything else is checked.
    const text = (await Bun.file(file).text()).replace(/^ExecStart=\S+ \S+/m, "ExecStart=/bin/true");
    const folder = mkdtempSync(join(tmpdir(), "parley-unit-"));
    const unit = join(folder, "parley.service");
    await Bun.write(unit, text);
    const { stderr, exitCode } = Bun.spawnSync(["systemd-analyze", "verify", "--man=no", unit]);
    rmSync(folder, { recursive: true });
    expect([exitCode, String(stderr)]).toEqual([0, ""]);
  });
});
