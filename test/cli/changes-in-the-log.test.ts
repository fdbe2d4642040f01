import { expect, test } from "bun:test";
import { longTest } from "../support/long-test.ts";
import { startRedis } from "../support/redis/redis-server.ts";
import { SECRET } from "../support/server/test-server.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { ParleyFolder } from "./parley-folder.ts";

// The log of a server contains the changes that an operator makes next to it.

/** The changes, and the log fields of each. */
const CHANGES: readonly [call: readonly string[], event: string, fields: Record<string, unknown>][] = [
  [
    ["user", "add", "ada", "--password-stdin"],
    "account.changed",
    { user: "ada", plan: "free", disabled: false },
  ],
  [["user", "set-plan", "ada", "basic"], "account.changed", { user: "ada", plan: "basic" }],
  [["user", "disable", "ada"], "account.changed", { user: "ada", disabled: true }],
  [["revoke", "--user", "ada"], "revocation.user", { user: "ada" }],
  [["user", "remove", "ada"], "account.removed", { user: "ada" }],
  [["conversation", "retain", "lobby", "--days", "3"], "conversation.changed", { conversation: "lobby" }],
  [["conversation", "remove", "lobby", "--yes"], "conversation.removed", { conversation: "lobby" }],
];

async function changesAreLogged(env: Record<string, string>): Promise<void> {
  await using folder = new ParleyFolder();
  const server = await folder.serve([], { ...env, DEMO_ACCOUNTS: "true" });
  const lines = () =>
    server
      .output()
      .stdout.split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line): Record<string, unknown> => JSON.parse(line));
  const chat = await folder.run(["chat", "lobby", "--url", server.url, "--user", "user1"], {
    env: { PARLEY_PASSWORD: "password" },
    stdin: "hello\n",
  });
  expect(chat.code).toBe(0);
  for (const [call, event, fields] of CHANGES) {
    const from = lines().length;
    expect(await folder.run([...call], { env, stdin: "correct horse" })).toMatchObject({ code: 0 });
    await waitUntil(`${event} after ${call.join(" ")}`, () =>
      lines()
        .slice(from)
        .some((line) => Bun.deepMatch({ level: "info", event, ...fields }, line)),
    );
  }
}

test("changes from the command line leave a line in the log of a server", async () => {
  await changesAreLogged({ SECRET_KEY: SECRET });
});

longTest("changes on Redis leave a line in the log of each node", async () => {
  await using redis = await startRedis();
  await changesAreLogged({ SECRET_KEY: SECRET, REDIS_HOST: "127.0.0.1", REDIS_PORT: `${redis.port}` });
});
