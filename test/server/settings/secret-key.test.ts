import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareDataFolder } from "../../../src/server/settings/data-folder.ts";
import { findSecretKey, readSecretKey } from "../../../src/server/settings/secret-key.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "parley-secret-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

test("SEC-T4 a key is made once, readable by its owner only, and found again", () => {
  const first = readSecretKey({ secretKey: undefined, dataDir });
  const second = readSecretKey({ secretKey: undefined, dataDir });
  if (!("secret" in first)) throw new Error(first.problem);
  expect(Buffer.byteLength(first.secret)).toBeGreaterThanOrEqual(32);
  expect(second).toEqual(first);
  expect(statSync(join(dataDir, "secret.key")).mode & 0o777).toBe(0o600);
  expect(readdirSync(dataDir)).toEqual(["secret.key"]);
});

test("SEC-T4 the content of the file is valid as SECRET_KEY", () => {
  const made = readSecretKey({ secretKey: undefined, dataDir });
  const text = readFileSync(join(dataDir, "secret.key"), "utf8").trim();
  expect(Buffer.from(text, "base64")).toHaveLength(32);
  expect(readSecretKey({ secretKey: text, dataDir })).toEqual(made);
});

test("SEC-T4 starts at the same time end with one key", async () => {
  const program = `import { readSecretKey } from ${JSON.stringify(join(import.meta.dir, "../../../src/server/settings/secret-key.ts"))};
    console.log(readSecretKey({ dataDir: ${JSON.stringify(dataDir)} }).secret);`;
  const starts = [1, 2, 3, 4].map(() =>
    new Response(Bun.spawn([process.execPath, "--no-env-file", "-e", program]).stdout).text(),
  );
  const key = (await Promise.all(starts))[0];
  expect(await Promise.all(starts)).toEqual([key, key, key, key] as string[]);
  expect(readFileSync(join(dataDir, "secret.key"), "utf8")).toBe(key as string);
});

test("SEC-T4 a command finds the key and makes none", () => {
  expect(findSecretKey({ secretKey: undefined, dataDir })).toEqual({
    problem: `SECRET_KEY is not set here, and ${dataDir}/secret.key does not exist; give the server's SECRET_KEY.`,
  });
  expect(readdirSync(dataDir)).toEqual([]);
  const made = readSecretKey({ secretKey: undefined, dataDir });
  expect(findSecretKey({ secretKey: undefined, dataDir })).toEqual(made);
});

test("SEC-T4 SECRET_KEY wins and no file is made", () => {
  readSecretKey({ secretKey: "k".repeat(32), dataDir });
  expect(readdirSync(dataDir)).toEqual([]);
});

test("SEC-T4 a key that others can read causes a warning; a damaged one is refused", () => {
  readSecretKey({ secretKey: undefined, dataDir });
  const path = join(dataDir, "secret.key");
  chmodSync(path, 0o644);
  expect(readSecretKey({ secretKey: undefined, dataDir })).toMatchObject({
    warning: expect.stringContaining("chmod 600"),
  });
  writeFileSync(path, "");
  expect(readSecretKey({ secretKey: undefined, dataDir })).toMatchObject({
    problem: expect.stringContaining("damaged"),
  });
});

test("an unwritable data folder is reported in one line", () => {
  const file = join(dataDir, "file");
  writeFileSync(file, "");
  for (const folder of [file, join(file, "below")]) {
    const problem = prepareDataFolder(folder);
    expect(problem).toContain("a file is in its place. Set DATA_DIR");
    expect(problem).not.toContain("\n");
  }
  expect(prepareDataFolder(join(dataDir, "new", "folder"))).toBeUndefined();
});

test.each([
  { redisHost: "redis" },
  { redisUrl: { kind: "standalone", hosts: [], tls: false, database: 0 } },
] as const)(
  "SEC-T4 with Redis no key is made on this machine, as other nodes would not have it: %p",
  (redis) => {
    const shared = { redisHost: undefined, redisUrl: undefined, ...redis };
    expect(readSecretKey({ secretKey: undefined, dataDir, ...shared })).toEqual({
      problem: `SECRET_KEY is missing: with Redis set it, the same on every node. After \`parley migrate\` take the one in ${dataDir}/secret.key; only for a new store make one with: openssl rand -base64 32`,
    });
    expect(findSecretKey({ secretKey: undefined, dataDir, ...shared })).toEqual({
      problem: "SECRET_KEY is not set here; give the one that the nodes on this Redis have.",
    });
    expect(readdirSync(dataDir)).toEqual([]);
    expect(readSecretKey({ secretKey: "k".repeat(32), dataDir, ...shared })).toEqual({
      secret: "k".repeat(32),
    });
  },
);
