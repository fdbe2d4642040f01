import { expect, test } from "bun:test";
import { formatEvent } from "../../../src/cli/events/command.ts";
import { KEY, KEY_ENTRY, say } from "../../server/inbox/inbox-server.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { ParleyFolder } from "../parley-folder.ts";

test("EV1 `parley events` lists what is kept, one line each, without what could change the terminal", async () => {
  await using server = await startTestServer({ env: { API_KEYS: KEY_ENTRY } });
  await using folder = new ParleyFolder();
  const env = { PARLEY_URL: server.url, PARLEY_API_KEY: KEY };
  await say(server, "lobby", "ben", `hello\n\u001b[31m${"x".repeat(200)}`);
  const listed = await folder.run(["events", "--types", "message.*,conversation.created"], { env });
  expect(listed.stdout).toMatch(
    /^\S+Z {2}conversation\.created {2}lobby {2}–\n\S+Z {2}message\.created {5}lobby {2}ben {2}#1 hello\S* ?x+…\n$/,
  );
  expect(listed.stdout).not.toContain("\u001b");
  const position = /^Position: (\S+)$/m.exec(listed.stderr)?.[1] ?? "";
  const rest = await folder.run(["events", "--after", position, "--json"], { env });
  expect(rest).toMatchObject({ code: 0, stdout: "" });
  const refused = await folder.run(["events", "--types", "message.sent"], { env });
  expect([refused.code, refused.stderr.includes("`types`")]).toEqual([1, true]);
  expect((await folder.run(["events"], { env: { ...env, PARLEY_API_KEY: "bad" } })).stderr).toContain(
    "PARLEY_API_KEY is no API key: one begins with pk_.",
  );
  expect((await folder.run(["events"], { env: { ...env, PARLEY_API_KEY: "" } })).stderr).toContain(
    "PARLEY_API_KEY",
  );
});

test("EV1 each kind of event says in its line what it is about", () => {
  const at = 1_735_689_600_000;
  const line = (fields: object) => formatEvent({ type: "t", at, conversation: "c", user: "u", ...fields });
  const start = `2025-01-01T00:00:00.000Z  ${"t".padEnd(18)}  c  u`;
  expect(line({})).toBe(start);
  expect(line({ message: { seq: 3, gone: "erased" } })).toBe(`${start}  #3 (erased)`);
  expect(line({ message: { seq: 3, text: "", data: { n: 1 } } })).toBe(`${start}  #3 {"n":1}`);
  expect(line({ reaction: { reaction: "👍", on: false }, message: { seq: 3, text: "hi" } })).toBe(
    `${start}  −👍  #3 hi`,
  );
  expect(line({ member: { user: "x", role: "owner", until: at, by: "y" } })).toBe(
    `${start}  owner  until 2025-01-01T00:00:00.000Z  by y`,
  );
  expect(line({ quota: { limit: 100 } })).toBe(`${start}  100 an hour`);
  expect(line({ events: { since: at, until: at } })).toBe(
    `${start}  between 2025-01-01T00:00:00.000Z and 2025-01-01T00:00:00.000Z`,
  );
});
