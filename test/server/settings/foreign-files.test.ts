// Files that root made in the data folder, for a server that runs as another user.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folderProblem } from "../../../src/server/settings/data-folder.ts";

/** A user without any files here, by number: not every machine has a name for it. */
const OTHER = 54_321;

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "parley-foreign-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const AS_OTHER = ["setpriv", `--reuid=${OTHER}`, `--regid=${OTHER}`, "--clear-groups"];
const FOLDER = join(import.meta.dir, "../../../src/server/settings/data-folder.ts");
const KEY = join(import.meta.dir, "../../../src/server/settings/secret-key.ts");

/** Whether a process can become another user here, who can read the program. */
const able =
  process.getuid?.() === 0 &&
  Bun.which("setpriv") !== null &&
  [process.execPath, FOLDER].every((path) => Bun.spawnSync([...AS_OTHER, "test", "-r", path]).success);

/** What a call returns in a process of `OTHER`. */
function asOther(call: "prepareDataFolder" | "readSecretKey"): unknown {
  const given = call === "readSecretKey" ? { dataDir } : dataDir;
  const program = `import * as folder from ${JSON.stringify(FOLDER)}; import * as key from ${JSON.stringify(KEY)};
    console.log(JSON.stringify({ returned: { ...folder, ...key }.${call}(${JSON.stringify(given)}) }));`;
  const { stdout, stderr } = Bun.spawnSync([...AS_OTHER, process.execPath, "--no-env-file", "-e", program], {
    cwd: "/",
    env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent" },
  });
  if (stdout.length === 0) throw new Error(stderr.toString());
  return JSON.parse(stdout.toString()).returned;
}

test.skipIf(!able)(
  "a file of root in the service's own folder is reported, with its owner and advice",
  () => {
    chownSync(dataDir, OTHER, OTHER);
    expect(asOther("prepareDataFolder")).toBeUndefined();
    const key = join(dataDir, "secret.key");
    writeFileSync(key, "k".repeat(44), { mode: 0o600 });
    expect(asOther("readSecretKey")).toEqual({
      problem: `"${key}" cannot be read: it belongs to root, and Parley runs as ${OTHER}. As root, run: chown ${OTHER} ${key}`,
    });
    const store = join(dataDir, "parley.db-wal");
    writeFileSync(store, "", { mode: 0o600 });
    expect(asOther("prepareDataFolder")).toBe(
      `"${store}" cannot be read and written: it belongs to root, and Parley runs as ${OTHER}. As root, run: chown ${OTHER} ${store}`,
    );
    chownSync(store, OTHER, OTHER);
    chmodSync(store, 0o400);
    expect(asOther("prepareDataFolder")).toBe(
      `"${store}" cannot be read and written: its rights forbid it. Run: chmod 600 ${store}`,
    );
  },
);

test.skipIf(!able)("a folder of another user is reported with its owner", () => {
  chmodSync(dataDir, 0o755);
  expect(asOther("prepareDataFolder")).toBe(
    `The data folder "${dataDir}" cannot be written: this user has no right to write there (it belongs to root, and Parley runs as ${OTHER}). Set DATA_DIR to a folder that can be.`,
  );
  expect(folderProblem(dataDir, { code: "ENOSPC" })).toContain("cannot be written: the disk is full. Set");
});
