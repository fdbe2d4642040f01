// A backup that is not what was written is refused, and changes nothing (OP3).
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type BackupOptions, backUpStore } from "../../../../src/engine/sqlite/backup/backup.ts";
import { restoreStore } from "../../../../src/engine/sqlite/backup/restore.ts";
import { inspectStore } from "../../../../src/engine/sqlite/inspect.ts";
import { SCHEMA_VERSION } from "../../../../src/engine/sqlite/migrations.ts";
import { messageContent } from "../../../support/entries.ts";
import { StoreFolder } from "../store-folder.ts";

const MANIFEST = "parley-backup.json";

/** A folder with a store of some messages, which is open, and a backup of it. */
async function backedUp() {
  const folder = new StoreFolder();
  const store = await folder.open();
  const post = (id: string) =>
    new Promise((stored) =>
      store.engine.post({ conversation: "room", user: "anna", id, limit: 0, ...messageContent(id) }, stored),
    );
  await Promise.all(Array.from({ length: 300 }, (_, i) => post(`${i}`)));
  const [backup, target] = [join(folder.path, "backup"), join(folder.path, "target")];
  const options = { folder: backup, now: Date.now, progress: () => {} };
  const backUp = (dataDir = folder.path, more: Partial<BackupOptions> = {}) =>
    backUpStore({ ...options, dataDir, isReadOnly: false, parley: "1.2.3", ...more });
  const restore = (replace = false) => restoreStore({ ...options, dataDir: target, replace });
  return { folder, store, post, backup, target, backUp, restore, manifest: await backUp() };
}

function folderAt(path: string): void {
  rmSync(path);
  mkdirSync(path);
}

const epochIn = (path: string) => {
  using db = new Database(join(path, "parley.db"), { readonly: true });
  return db.query("select value from meta where key = 'epoch'").values()[0]![0];
};

test("OP3 a restore refuses a backup with a byte changed, cut off, missing or newer, and the folder stays as it was", async () => {
  const { folder, backup, target, restore, manifest } = await backedUp();
  await using _ = folder;
  const [path, manifestPath] = [join(backup, manifest.file), join(backup, MANIFEST)];
  const [bytes, text] = [readFileSync(path), readFileSync(manifestPath, "utf8")];
  const flipped = Buffer.from(bytes);
  flipped[bytes.length >> 1]! ^= 1;
  const later = { ...manifest, schema: SCHEMA_VERSION + 1 };
  const checksum = new Bun.CryptoHasher("sha256").update(JSON.stringify(later)).digest("hex");
  const damages: [() => void, string][] = [
    [
      () => writeFileSync(path, flipped),
      "its bytes were changed, although they are as many. Use another one.",
    ],
    [
      () => writeFileSync(path, bytes.subarray(0, -4096)),
      `${bytes.length - 4096} bytes of ${bytes.length} are there`,
    ],
    [() => truncateSync(path, 2 * bytes.length), `it has more than ${bytes.length} bytes`],
    [() => folderAt(path), `It is not whole: ${manifest.file} is no file`],
    [() => folderAt(manifestPath), `It has no ${MANIFEST}`],
    [() => rmSync(path), `It is not whole: ${manifest.file} is missing`],
    [
      () => writeFileSync(manifestPath, text.replace('"messages": 300', '"messages": 301')),
      "does not have its checksum",
    ],
    [() => writeFileSync(manifestPath, text.slice(0, -20)), `${MANIFEST} is no JSON object`],
    [() => rmSync(manifestPath), `It has no ${MANIFEST}: it is no backup, or making it was interrupted`],
    [
      () => writeFileSync(manifestPath, JSON.stringify({ ...later, checksum })),
      `It was made by a newer Parley (1.2.3, schema ${SCHEMA_VERSION + 1}; this one knows ${SCHEMA_VERSION})`,
    ],
  ];
  for (const [damage, words] of damages) {
    damage();
    await expect(restore()).rejects.toThrow(words);
    for (const each of [path, manifestPath]) rmSync(each, { recursive: true, force: true });
    writeFileSync(path, bytes);
    writeFileSync(manifestPath, text);
  }
  expect(existsSync(target) ? readdirSync(target) : []).toEqual(["parley.lock"]);
  await restore();
  expect(epochIn(target)).not.toBe(manifest.epoch);
  await expect(restore()).rejects.toThrow("The data folder is not empty: it has parley.db. With --replace");
});

test("OP3 a replaced store is kept with its newest messages, also a damaged one, and a store in use is not replaced", async () => {
  const { folder, target, restore, manifest } = await backedUp();
  await using _ = folder;
  await restore();
  const first = epochIn(target);
  {
    // Written after a crash: the message is only in the write-ahead log.
    using writer = new Database(join(target, "parley.db"));
    writer.run("pragma journal_mode = wal; pragma wal_autocheckpoint = 0");
    writer.run(
      "insert into message values (1000, 1, 1000, 7, 'newest', 'anna', 'm', '\"text\":\"newest\"', 1)",
    );
    using reader = new Database(join(target, "parley.db"), { readonly: true });
    reader.query("select count(*) from message").get();
    await expect(restore(true)).rejects.toThrow(
      "parley.db is used by another process. Wait until that is done",
    );
    expect(epochIn(target)).toBe(first);
  }
  const { kept, epoch } = await restore(true);
  expect([epochIn(kept!), epochIn(target)]).toEqual([first, epoch]);
  using old = new Database(join(kept!, "parley.db"), { readonly: true });
  expect(old.query("select id from message where position = 1000").values()).toEqual([["newest"]]);

  for (const content of ["this is no store ".repeat(1_000), ""]) {
    writeFileSync(join(target, "parley.db"), content);
    writeFileSync(join(target, "parley.db-wal"), "not a log");
    const again = await restore(true);
    expect(epochIn(target)).toBe(again.epoch);
    expect(readFileSync(join(again.kept!, "parley.db"), "latin1")).toBe(content);
    expect(existsSync(join(target, "parley.db-wal"))).toBe(false);
  }
  // The store is elsewhere, and a link leads to it.
  const before = epochIn(target);
  renameSync(join(target, "parley.db"), join(folder.path, "elsewhere.db"));
  symlinkSync("../elsewhere.db", join(target, "parley.db"));
  const linked = await restore(true);
  expect([epochIn(linked.kept!), epochIn(target)]).toEqual([before, linked.epoch]);
  expect(lstatSync(join(linked.kept!, "parley.db")).isFile()).toBe(true);
  expect(manifest.counts.messages).toBe(300);
  const { kept: olderStores } = inspectStore(target, { maxFullCheckBytes: 0, timeoutMs: 1_000 })!;
  expect(olderStores).toHaveLength(4);
});

test("OP3 CH3 a newer backup replaces the one in its folder, and refuses a folder with other files", async () => {
  const { folder, post, backup, backUp, manifest } = await backedUp();
  await using _ = folder;
  await post("newer");
  const second = await backUp();
  expect(second).toMatchObject({ counts: { messages: 301 }, epoch: manifest.epoch });
  expect(readdirSync(backup).sort()).toEqual([MANIFEST, "parley.lock", second.file]);
  writeFileSync(join(backup, "photo.jpg"), "");
  await expect(backUp()).rejects.toThrow(
    "Nothing was backed up: the folder has other files (photo.jpg). Name a new or empty one, or one that has an older backup.",
  );
  rmSync(join(backup, "photo.jpg"));
  mkdirSync(join(backup, "store-1T.db"));
  await expect(backUp()).rejects.toThrow("the folder has other files (store-1T.db/)");
  rmSync(join(backup, "store-1T.db"), { recursive: true });
  const unusable = backUp(folder.path, { folder: join(backup, MANIFEST, "in-a-file") });
  await expect(unusable).rejects.toThrow(
    "cannot be used: a file is in its place, or in that of a folder above it. Name another folder",
  );
  // A store that SQLite finds damaged gives no backup, and leaves the one that there is.
  const damaged = join(folder.path, "damaged");
  rmSync(damaged, { recursive: true, force: true });
  const copy = Buffer.from(readFileSync(join(backup, second.file)));
  copy.fill(0xff, 8192, copy.length - 8192);
  await Bun.write(join(damaged, "parley.db"), copy);
  await expect(backUp(damaged)).rejects.toThrow("parley.db is damaged");
  expect(readdirSync(backup).sort()).toEqual([MANIFEST, "parley.lock", second.file]);
});

/** A user without any files here. */
const AS_OTHER = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"];
const SOURCE = join(import.meta.dir, "../../../../src/engine/sqlite/backup");
const able =
  process.getuid?.() === 0 &&
  Bun.which("setpriv") !== null &&
  [process.execPath, join(SOURCE, "backup.ts")].every(
    (path) => Bun.spawnSync([...AS_OTHER, "test", "-r", path]).success,
  );

test.skipIf(!able)(
  "OP3 a folder that this user may not use is named, with advice for that folder",
  async () => {
    const { folder, backup, manifest } = await backedUp();
    await using _ = folder;
    const home = join(folder.path, "home");
    mkdirSync(home);
    for (const path of [folder.path, home]) chmodSync(path, 0o777);
    const asOther = (call: string) => {
      const program = `import { backUpStore } from "${SOURCE}/backup.ts"; import { restoreStore } from "${SOURCE}/restore.ts";
      const options = { now: Date.now, progress() {}, isReadOnly: false, parley: "1", dataDir: "${home}/data", replace: false };
      await ${call}.catch((error) => console.log(error.message));`;
      const { stdout } = Bun.spawnSync([...AS_OTHER, process.execPath, "--no-env-file", "-e", program], {
        cwd: "/",
        env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent" },
      });
      return stdout.toString();
    };
    const restore = () => asOther(`restoreStore({ ...options, folder: "${backup}" })`);
    const refused = (path: string) => `${path} cannot be used: the user 54321 has no right to it. `;
    const useAnother = "Correct its owner and its rights, or use another backup.\n";
    // The folder, then a file in it.
    expect(restore()).toBe(`${refused(join(backup, MANIFEST))}${useAnother}`);
    chmodSync(backup, 0o755);
    chmodSync(join(backup, manifest.file), 0o600);
    expect(restore()).toBe(`${refused(join(backup, manifest.file))}${useAnother}`);
    const made = asOther(`backUpStore({ ...options, folder: "${backup}/2026-11-30" })`);
    expect(made).toStartWith(refused(`${backup}/2026-11-30`));
    expect(made).toContain(
      "or name another folder for the backup: one in a folder that belongs to this user",
    );
  },
);
