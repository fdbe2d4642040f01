import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

interface LockEntry {
  readonly version?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(join(import.meta.dir, "../../package-lock.json"), "utf8")) as {
  readonly packages: Readonly<Record<string, LockEntry>>;
};

// The story: npm omits from the lock the packages for which its registry did not reply, and then `npm ci` refuses, on
// every machine. The eight of Biome that were added by hand have no checksum; production dependencies have one each.
test("SEC-P5 the lock lists the optional packages of every platform, so that `npm ci` accepts it", () => {
  for (const { optionalDependencies = {} } of Object.values(lock.packages))
    for (const [name, range] of Object.entries(optionalDependencies)) {
      const version = lock.packages[`node_modules/${name}`]?.version ?? "missing";
      expect([name, version, Bun.semver.satisfies(version, range)]).toEqual([name, version, true]);
    }
});

test("SEC-P5 production dependencies are pinned by checksum on every platform", () => {
  for (const [path, { dev, integrity }] of Object.entries(lock.packages))
    if (path !== "" && !dev) expect([path, integrity]).toEqual([path, expect.stringMatching(/^sha512-/)]);
});

test("SEC-P5 the lock names no registry: packages come from the one that npm is set to", () => {
  for (const entry of Object.values(lock.packages)) expect(entry).not.toHaveProperty("resolved");
});
