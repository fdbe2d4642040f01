import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { buildBinary } from "../../packages/binary/build.ts";
import { buildDebianPackage } from "../../packages/debian/build.ts";
import { manPage } from "../../packages/debian/man-page.ts";
import { publishedDocuments } from "../../packages/documents.ts";
import { createApiPage, createPage } from "../../src/server/console-files.ts";
import { SETTING_NAMES } from "../../src/server/settings/table.ts";
import { readPackages } from "../support/packages.ts";
import { isLong } from "../support/random.ts";
import { startRedis } from "../support/redis/redis-server.ts";
import { SECRET } from "../support/server/test-server.ts";

let folder: string;
let binary: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "parley-packages-"));
  binary = join(folder, "bin/parley");
  await buildBinary(binary);
});
afterAll(() => rmSync(folder, { recursive: true }));

const env = { PATH: "/usr/bin:/bin", HOME: "/nonexistent", BCRYPT_COST: "4", PORT: "0" };

/** A folder with files that a runtime may look for, each of which leaves a mark when it is run. */
function makeHostileFolder(): { readonly path: string; wasRun(): boolean } {
  const path = mkdtempSync(join(folder, "hostile-"));
  const mark = join(path, "RUN");
  writeFileSync(join(path, "evil.ts"), `require("node:fs").writeFileSync(${JSON.stringify(mark)}, "");`);
  writeFileSync(join(path, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
  writeFileSync(join(path, ".env"), "BUN_OPTIONS=--preload=./evil.ts\n");
  writeFileSync(join(path, "tsconfig.json"), '{"compilerOptions":{"paths":{"*":["./evil.ts"]}}}');
  for (const name of ["hono", "pino", "ioredis"]) {
    mkdirSync(join(path, "node_modules", name), { recursive: true });
    writeFileSync(join(path, "node_modules", name, "index.js"), `require("../../evil.ts")`);
  }
  return { path, wasRun: () => existsSync(mark) };
}

async function run(words: string[], cwd: string): Promise<string> {
  const child = Bun.spawn([binary, ...words], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const output = await new Response(child.stdout).text();
  expect(await child.exited, await new Response(child.stderr).text()).toBe(0);
  return output;
}

/** Starts the server of the binary; resolves when it has printed its block. */
async function serve(cwd: string, more: Record<string, string> = {}) {
  const child = Bun.spawn([binary, "serve"], {
    cwd,
    env: { ...env, ...more },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
    text += part;
    const url = /Console +(\S+)\/\n/.exec(text)?.[1];
    if (url !== undefined) return { child, url, text };
  }
  throw new Error(`The server ended: ${text}`);
}

test("OP5 RT-16 the binary needs no file beside it, serves the console, and runs nothing of the current folder", async () => {
  const { path, wasRun } = makeHostileFolder();
  expect(await run(["--version"], path)).toBe(`${manifest.version}\n`);
  expect(await run(["examples", "talk.sh"], path)).toBe(readFileSync("examples/talk.sh", "utf8"));
  const { child, url, text } = await serve(path);
  expect(text).toContain("or run: parley chat lobby");
  for (const [name, { content }] of [...(await createPage()), ...(await createApiPage())])
    expect(await (await fetch(`${url}${name}`)).text(), name).toBe(content);
  const { access_token } = (await (
    await fetch(`${url}/token`, {
      method: "POST",
      body: new URLSearchParams({ username: "user1", password: "password" }),
    })
  ).json()) as { access_token: string };
  const posted = await fetch(`${url}/conversations/room/messages`, {
    method: "POST",
    headers: { Authorization: `Bearer ${access_token}` },
    body: JSON.stringify({ text: "hello" }),
  });
  expect(posted.status).toBe(201);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
  expect(wasRun()).toBe(false);
});

test("OP5 the binary has the scripts of Redis in itself", async () => {
  await using redis = await startRedis();
  const { path } = makeHostileFolder();
  const { child, url } = await serve(path, { REDIS_URL: redis.url, SECRET_KEY: SECRET });
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
});

test("OP5 both packages have every page and the files of deploy/, and each link leads to something in them", async () => {
  const documents = publishedDocuments();
  expect(documents).toEqual(
    expect.arrayContaining([
      ...["docs/METRICS.md", "docs/protocol/HTTP.md", "docs/openapi.json", "deploy/prometheus/alerts.yaml"],
      ...["deploy/grafana/parley.json", "deploy/nginx.conf", "deploy/haproxy.cfg", "CHANGELOG.md"],
    ]),
  );
  const folders = documents.map((path) => `${dirname(path)}/`);
  const broken = documents
    // How to measure is about programs, which need a copy of the repository.
    .filter((path) => path.endsWith(".md") && path !== "bench/README.md")
    .flatMap((path) =>
      [...readFileSync(path, "utf8").matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)/g)]
        .map(([, target]) => join(dirname(path), target!))
        .filter((to) => !["LICENSE", ...documents].includes(to) && !/^docs\/pictures\/.*\.png$/.test(to))
        .filter((to) => !folders.some((folder) => folder.startsWith(`${to.replace(/\/$/, "")}/`)))
        .map((to) => `${path}: ${to}`),
    );
  expect(broken).toEqual([]);
  const { parley } = await readPackages();
  const packed = new Set((await Bun.$`tar tzf ${parley}`.quiet().text()).split("\n"));
  expect(documents.filter((path) => !packed.has(`package/${path}`))).toEqual([]);
}, 60_000);

test("OP5 the man page names every command and every setting, and man reads it without a warning", async () => {
  const page = manPage("1.2.3", "2026-01-02");
  const named = ["parley user add", "parley conversation member add", ...SETTING_NAMES];
  expect(named.filter((name) => !page.includes(`.B ${name}\n`))).toEqual([]);
  if (Bun.which("man") === null || Bun.which("groff") === null) return;
  const shown = await Bun.$`groff -man -ww -z -Tutf8 < ${new Response(page)}`.quiet();
  expect(shown.stderr.toString()).toBe("");
});

const hasTools = Bun.which("dpkg-deb") !== null && Bun.which("lintian") !== null;

test.if(isLong && hasTools)("OP5 lintian finds no error in the Debian package", async () => {
  const path = await buildDebianPackage(binary, folder);
  const { stdout } = await Bun.$`lintian --fail-on none --allow-root ${path}`.quiet();
  expect(
    stdout
      .toString()
      .split("\n")
      .filter((line) => line.startsWith("E:")),
  ).toEqual([]);
});
