// `parley token` beside a server with another key. The rules of its flags are in test/core/access and test/server/settings.
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { longTest } from "../../support/long-test.ts";
import { startRedis } from "../../support/redis/redis-server.ts";
import { SECRET } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { ParleyFolder, type Running } from "../parley-folder.ts";

const OTHER = "another-secret-Kd83hf0sQp2mZx7vLw5RtYb1N";
const THIRD = "the-third-one-Wq94jd1rTo3nXz6bMv2EsUc7Ha";

/** The environment of a process whose key is `secret`, and of one that still accepts `previous`. */
const keyed = (secret: string, previous?: string) => ({
  SECRET_KEY: secret,
  ...(previous !== undefined && { SECRET_KEY_PREVIOUS: previous }),
});

const rejection = (key: string) => ({
  code: 1,
  stdout: "",
  stderr: `parley: ${key} is not the key of the server that started last on this store, which would reject the token. Give the server's SECRET_KEY; after a change of the key, restart the server first.\n`,
});

/** The status that the server answers to a request with `token`. */
async function statusWith({ url }: Running, token: string): Promise<number> {
  const { status } = await fetch(`${url}/me`, { headers: { authorization: `Bearer ${token.trim()}` } });
  return status;
}

async function stop({ process }: Running): Promise<void> {
  process.kill("SIGTERM");
  await process.exited;
}

const hasWarned = (server: Running) => server.output().stdout.includes("secret_key.changed");

describe("`parley token` with another key than the server's", () => {
  test("SEC-T4 is refused, whether SECRET_KEY or the key file differs; the server's key is accepted", async () => {
    await using folder = new ParleyFolder();
    const server = await folder.serve([], keyed(SECRET));
    expect(await folder.run(["token", "carol"], { env: keyed(OTHER) })).toEqual(rejection("SECRET_KEY"));

    const file = join(folder.path, "data/secret.key");
    writeFileSync(file, `${OTHER}\n`, { mode: 0o600 });
    expect(await folder.run(["token", "carol"])).toEqual(rejection(`The key in ${file}`));

    const minted = await folder.run(["token", "carol"], { env: keyed(SECRET) });
    expect(minted).toMatchObject({ code: 0, stderr: "" });
    expect(await statusWith(server, minted.stdout)).toBe(200);
  });

  test("SEC-T4 after a change of the key: the new one and SECRET_KEY_PREVIOUS are accepted, and the store never has a key", async () => {
    await using folder = new ParleyFolder();
    await stop(await folder.serve([], keyed(SECRET)));
    const server = await folder.serve([], keyed(OTHER, SECRET));
    for (const secret of [OTHER, SECRET]) {
      const minted = await folder.run(["token", "carol"], { env: keyed(secret) });
      expect(minted).toMatchObject({ code: 0, stderr: "" });
      expect(await statusWith(server, minted.stdout)).toBe(200);
    }
    expect(await folder.run(["token", "carol"], { env: keyed(THIRD) })).toEqual(rejection("SECRET_KEY"));
    await stop(server);
    expect(hasWarned(server)).toBe(false);
    const files = [...new Bun.Glob("**").scanSync(join(folder.path, "data"))];
    for (const name of files)
      expect(await Bun.file(join(folder.path, "data", name)).text()).not.toContain(SECRET);

    const changed = await folder.serve([], keyed(THIRD));
    await waitUntil("the server warns", () => hasWarned(changed));
  });

  longTest(
    "SEC-T4 on Redis it is refused, too, and a node with another key than the others logs a warning",
    async () => {
      await using redis = await startRedis();
      await using folder = new ParleyFolder();
      const on = { REDIS_HOST: "127.0.0.1", REDIS_PORT: `${redis.port}` };
      const server = await folder.serve([], { ...keyed(SECRET), ...on });
      expect(await folder.run(["token", "carol"], { env: { ...keyed(OTHER), ...on } })).toEqual(
        rejection("SECRET_KEY"),
      );
      const minted = await folder.run(["token", "carol"], { env: { ...keyed(SECRET), ...on } });
      expect(await statusWith(server, minted.stdout)).toBe(200);

      const second = await folder.serve([], { ...keyed(SECRET), ...on });
      await stop(second);
      expect(hasWarned(second)).toBe(false);
      const third = await folder.serve([], { ...keyed(OTHER), ...on });
      await waitUntil("the node warns", () => hasWarned(third));
    },
  );
});
