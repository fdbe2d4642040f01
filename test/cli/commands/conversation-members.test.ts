// `parley conversation create`, `member`, `mute` and `ban`, next to a running server.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readAll } from "../../../src/cli/commands/conversation-members.ts";
import { openMembers } from "../../../src/engine/sqlite/members/open.ts";
import { openConversations } from "../../../src/engine/sqlite/messages/conversations.ts";
import { systemClock } from "../../../src/server/process/system-clock.ts";
import { StoreFolder } from "../../engine/sqlite/store-folder.ts";
import { ParleyFolder } from "../parley-folder.ts";

/** A server that all tests share; each has a conversation of its own. */
const folder = new ParleyFolder();
let url: string;
beforeAll(async () => {
  ({ url } = await folder.serve());
});
afterAll(() => folder[Symbol.asyncDispose]());

const TIME = expect.stringMatching(/^\d{4}-.*Z$/);

test("MB4 an operator makes a conversation, and adds, promotes, lists and removes members", async () => {
  const run = (...args: string[]) => folder.run(["conversation", ...args]);
  const members = ["--member", "ann:owner", "--member", "org:ben"];
  expect(await run("create", "team", "--access", "members", "--title", "Our team", ...members)).toEqual({
    code: 0,
    stdout: "Made team with ann (owner), org:ben (member).\n",
    stderr: `store: ${folder.path}/data\n`,
  });
  expect((await run("member", "add", "team", "cem", "--role", "moderator")).stdout).toBe(
    "cem has the role moderator in team.\n",
  );
  expect((await run("member", "add", "team", "cem")).stdout).toBe("cem has the role moderator in team.\n");
  expect(JSON.parse((await run("member", "list", "team", "--json")).stdout)).toEqual([
    { user: "ann", role: "owner", since: TIME },
    { user: "cem", role: "moderator", since: TIME },
    { user: "org:ben", role: "member", since: TIME },
  ]);
  expect((await run("member", "list", "team")).stdout).toMatch(/^ann {6}owner {6}\d{4}-/);
  const shown = await run("show", "team");
  expect(shown.stdout).toContain(
    "title         Our team\naccess        members\nmembers       3 (owners: 1)\n",
  );
  expect(shown.stdout).toContain("messages      no messages\n");

  const token = (await folder.run(["token", "cem"])).stdout.trim();
  const facts = await fetch(`${url}/conversations/team`, { headers: { authorization: `Bearer ${token}` } });
  expect(await facts.json()).toMatchObject({ access: "members", title: "Our team", role: "moderator" });

  expect((await run("member", "remove", "team", "cem")).stdout).toBe("Removed cem from team.\n");
  expect((await run("member", "remove", "team", "cem")).stdout).toBe("cem is not a member of team.\n");
});

test("MB3 an operator mutes and bans, lists what is in force, and ends it", async () => {
  const run = (...args: string[]) => folder.run(["conversation", ...args]);
  await run("create", "crew", "--member", "ann:owner", "--member", "ben");
  expect((await run("mute", "add", "crew", "ben", "--seconds", "600", "--reason", "off topic")).stdout).toBe(
    "Muted ben in crew for 600 s.\n",
  );
  expect(JSON.parse((await run("mute", "list", "crew", "--json")).stdout)).toEqual([
    { user: "ben", until: TIME, reason: "off topic", by: "operator", at: TIME },
  ]);
  expect((await run("mute", "remove", "crew", "ben")).stdout).toBe("Ended the mute of ben in crew.\n");
  expect((await run("mute", "remove", "crew", "ben")).stdout).toBe("There is no mute of ben in crew.\n");
  expect((await run("ban", "add", "crew", "ben")).stdout).toBe("Banned ben in crew without end.\n");
  expect((await run("ban", "list", "crew")).stdout).toBe("ben  without end  by operator\n");
  const refused = await run("member", "add", "crew", "ben");
  expect(refused).toEqual({ code: 1, stdout: "", stderr: "parley: `ben` is banned: end the ban first.\n" });
  expect((await run("ban", "remove", "crew", "ben")).stdout).toBe("Ended the ban of ben in crew.\n");
  expect((await run("ban", "list", "crew")).stdout).toBe("There are no bans in crew.\n");
});

test("SEC-S1 what an operator may not give is refused in one line, and changes nothing", async () => {
  const run = (...args: string[]) => folder.run(["conversation", ...args]);
  await run("create", "band", "--access", "members");
  for (const [args, reason, refusal = false] of [
    [["create", "band"], "There is already a conversation `band`.", true],
    [["create", "_made"], "Names that begin with `_` are given by the server", true],
    [["create", "a b"], '"a b" is not a valid name'],
    [["create", "long", "--title", "x".repeat(201)], "`title`: must be 200 characters or less."],
    [["member", "add", "band", "a b"], '"a b" is not a valid name'],
    [["member", "list", "_none"], "There is no conversation of this name.", true],
    [["mute", "add", "band", "ben", "--seconds", "soon"], "`seconds`: must be a number."],
    [["ban", "add", "band", "ben", "--seconds", "0"], "`seconds`: must be greater than 0."],
  ] as const) {
    const { code, stdout, stderr } = await run(...args);
    expect({ args, code, stdout }).toEqual({ args, code: refusal ? 1 : 2, stdout: "" });
    expect(stderr).toMatch(refusal ? /^parley: [^\n]+\n$/ : /^error: [^\n]+\n$/);
    expect(stderr).toContain(reason);
  }
  expect((await run("member", "list", "band")).stdout).toBe("band has no members.\n");
});

test("MB6 a list of members is refused when the conversation is removed between two pages", async () => {
  await using folder = new StoreFolder();
  await (await folder.open()).close();
  const options = { dataDir: folder.path, clock: systemClock(), emit: () => {}, sync: "normal" as const };
  const { members, close } = openMembers(options);
  const { revision } = await members.read("team", []);
  const facts = { access: "members" as const, at: 1 };
  await members.change("team", revision, { facts, news: [] });
  const conversations = openConversations(options);
  const reading = readAll({ members, conversation: "team" }, async () => {
    await conversations.remove("team");
    return { entries: [], more: false };
  });
  await expect(reading).rejects.toThrow("team was removed, or put back from a backup, while it was read");
  await conversations.close();
  await close();
});
