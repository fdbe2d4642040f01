import { expect, test } from "bun:test";
import { add, KEY, KEY_ENTRY, say } from "../../server/inbox/inbox-server.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { ParleyFolder } from "../parley-folder.ts";

test("IN1 `parley inbox` lists the conversations of the user, newest first, with what is unread", async () => {
  await using server = await startTestServer({ env: { API_KEYS: KEY_ENTRY } });
  await using folder = new ParleyFolder();
  const env = { PARLEY_TOKEN: await server.token("ann"), PARLEY_URL: server.url };
  const inbox = (...args: string[]) => folder.run(["inbox", ...args], { env });
  expect(await inbox()).toMatchObject({ code: 0, stdout: "ann is in no conversation.\n" });
  expect((await inbox("--help")).stdout).not.toContain("--conversation");
  for (const name of ["a", "b", "c"]) {
    await add(server, name, "ann", "ben");
    await say(server, name, "ben", `hello \u001b[31m${name}`);
  }
  const listed = await inbox("--limit", "2");
  expect(listed.code).toBe(0);
  expect(listed.stdout).toMatch(
    /^unread {2}conversation {2}time +newest message\n1 +c +\S+ +ben: hello .*c\n1 +b .*b\n3 unread messages in 3 conversations\.\nThere are more: --all lists them\.\n$/,
  );
  expect(listed.stdout).not.toContain("\u001b[31m");
  const all = await inbox("--limit", "2", "--all", "--json");
  const { items, ...rest } = JSON.parse(all.stdout) as { items: { conversation: string }[] };
  expect(items.map(({ conversation }) => conversation)).toEqual(["c", "b", "a"]);
  expect(rest).toEqual({
    more: false,
    position: expect.any(String),
    unread_total: 3,
    unread_conversations: 3,
  });
  // A newest message without text says why it has none.
  const request = (method: string, path: string, token: string, body?: object) =>
    fetch(`${server.url}/conversations/${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  const erased = await request("DELETE", "b/messages/1", await server.token("ben"));
  const posted = await request("POST", "a/messages", KEY, { from: "ben", text: "", data: { n: 1 } });
  expect([erased.status, posted.status]).toEqual([200, 201]);
  const rows = (await inbox()).stdout.split("\n").map((row) => row.replace(/\S+Z/, "TIME"));
  expect(rows).toContainEqual(expect.stringMatching(/ a +TIME +ben: \(data\)$/));
  expect(rows).toContainEqual(expect.stringMatching(/ b +TIME +ben: \(erased\)$/));
});
