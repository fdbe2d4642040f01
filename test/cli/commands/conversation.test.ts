// `parley conversation`, next to a running server and without one.
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { TestClient } from "../../support/clients/test-client.ts";
import { longTest } from "../../support/long-test.ts";
import { ParleyFolder } from "../parley-folder.ts";

const SECRET_KEY = "GzcZQ2b7mWq0p5yEw1rT8uKx9vLh3NdF";

/** A server in `folder` with the messages `1`, `2` and `3` of anna in the conversation `lobby`. */
async function speak(folder: ParleyFolder) {
  const running = await folder.serve([], { SECRET_KEY });
  const { stdout } = await folder.run(["token", "anna"], { env: { SECRET_KEY } });
  const address = `${running.url.replace(/^http/, "ws")}/ws/anna/lobby?token=${stdout.trim()}`;
  const client = await TestClient.connect(address);
  for (const text of ["1", "2", "3"]) {
    client.send({ type: "message", text, id: text });
    await client.next("ack");
  }
  return { running, client };
}

const conversation = (folder: ParleyFolder, ...args: string[]) => folder.run(["conversation", ...args]);

test("D5 operators list, show and export conversations next to a running server", async () => {
  await using folder = new ParleyFolder();
  const { client } = await speak(folder);
  expect((await conversation(folder, "list")).stdout).toMatch(/^lobby {2}3 messages \(1–3\) /);
  const [listed] = JSON.parse((await conversation(folder, "list", "--json")).stdout);
  expect(listed).toMatchObject({ conversation: "lobby", messages: 3, first: 1, seq: 3, keep_messages: null });
  expect((await conversation(folder, "show", "lobby")).stdout).toContain(
    "\nkeeps         what RETENTION_MESSAGES and RETENTION_DAYS say\n",
  );
  const { stdout, code } = await conversation(folder, "export", "lobby");
  const lines = stdout.trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toEqual(
    client.of("message").map(({ type: _, ...message }) => message),
  );
  expect(code).toBe(0);
  client.socket.close();
});

test("MB6 `remove` asks first; a running server closes the connections in it, and seqs continue", async () => {
  await using folder = new ParleyFolder();
  const { client } = await speak(folder);
  const refused = await conversation(folder, "remove", "lobby");
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain("--yes");
  expect(await conversation(folder, "remove", "lobby", "--yes")).toMatchObject({
    code: 0,
    stderr: `store: ${folder.path}/data\n`,
  });
  expect(await client.closed).toEqual({ code: 4404, reason: "removed" });
  expect((await conversation(folder, "list")).stdout).toContain("There are no conversations");
  await using reopened = await TestClient.connect(client.socket.url);
  expect(reopened.of("welcome")[0]).toMatchObject({ seq: 3, resumed: false });
  reopened.send({ type: "message", text: "again", id: "1" });
  expect(await reopened.next("ack")).toMatchObject({ id: "1", seq: 4 });
});

test("D5 `remove` without a server deletes at once, and prints where seqs continue", async () => {
  await using folder = new ParleyFolder();
  const { running, client } = await speak(folder);
  client.socket.close();
  running.process.kill("SIGTERM");
  await running.process.exited;
  const removed = await conversation(folder, "remove", "lobby", "--yes");
  expect(removed).toMatchObject({ code: 0, stderr: `store: ${folder.path}/data\n` });
  expect(removed.stdout).toContain("after 3");
  expect((await conversation(folder, "list")).stdout).toContain("There are no conversations");
  expect(await conversation(folder, "export", "lobby")).toMatchObject({ code: 1, stdout: "" });
});

test("D5 `retain` sets a conversation's own limits, and removes them again", async () => {
  await using folder = new ParleyFolder();
  const { client } = await speak(folder);
  client.socket.close();
  const keeps = async (...flags: string[]) =>
    (await conversation(folder, "retain", "lobby", ...flags)).stdout;
  expect(await keeps("--messages", "1", "--days", "1")).toBe(
    "lobby keeps its newest message, for 1 day at most.\n",
  );
  expect(await keeps("--messages", "0", "--days", "0")).toBe("lobby keeps all its messages, of any age.\n");
  await keeps("--default");
  expect(await keeps("--messages", "2")).toBe(
    "lobby keeps its newest 2 messages, for as long as RETENTION_DAYS says.\n",
  );
  expect(await keeps("--days", "30")).toBe("lobby keeps its newest 2 messages, for 30 days at most.\n");
  const shown = async () => JSON.parse((await conversation(folder, "show", "lobby", "--json")).stdout);
  expect(await shown()).toMatchObject({ keep_messages: 2, keep_days: 30 });
  expect(await keeps("--default")).toBe("lobby keeps what RETENTION_MESSAGES and RETENTION_DAYS say.\n");
  expect(await shown()).toMatchObject({ keep_messages: null, keep_days: null });
  for (const wrong of [[], ["--messages", "many"], ["--default", "--days", "1"]])
    expect(await conversation(folder, "retain", "lobby", ...wrong)).toMatchObject({ code: 2 });
});

test("D5 an export whose conversation is removed meanwhile fails with the number of lines; a closed pipe ends it silently", async () => {
  await using folder = new ParleyFolder();
  const { client } = await speak(folder);
  client.socket.close();
  using db = new Database(join(folder.path, "data/parley.db"));
  // A page fills the pipe.
  db.query(
    `insert into message with recursive n (i) as (select 4 union all select i + 1 from n where i < 1200)
       select i, 1, i, i, 'id' || i, 'anna', 'm', '"text":"' || hex(randomblob(500)) || '"', i from n`,
  ).run();
  const parley = `${process.execPath} --no-env-file ${folder.program}`;
  const shell = async (script: string) => {
    const { PATH = "" } = process.env;
    const ran = Bun.spawn(["bash", "-o", "pipefail", "-c", script], {
      ...{ cwd: folder.path, env: { PATH }, stdout: "pipe", stderr: "pipe" },
    });
    const [stdout, stderr] = await Promise.all([
      new Response(ran.stdout).text(),
      new Response(ran.stderr).text(),
    ]);
    return { code: await ran.exited, lines: stdout.split("\n").length - 1, stderr };
  };
  for (const exported of ["conversation export lobby", "user export anna"])
    expect(await shell(`${parley} ${exported} | head -1`)).toEqual({ code: 0, lines: 1, stderr: "" });
  const remove = `${parley} conversation remove lobby --yes &>/dev/null`;
  expect(await shell(`${parley} conversation export lobby | { head -c 1; ${remove}; cat; }`)).toEqual({
    ...{ code: 1, lines: 500 },
    stderr: `parley: The export is not complete: lobby was removed, or put back from a backup, while it was read. 500 lines were written.\n`,
  });
}, 60_000);

test("an unknown conversation is named in the error, with the command that lists all", async () => {
  await using folder = new ParleyFolder();
  await folder.serve();
  for (const verb of ["show", "export", "remove"]) {
    const { code, stderr } = await conversation(folder, verb, "nowhere");
    expect([verb, code]).toEqual([verb, 1]);
    expect(stderr).toContain('There is no conversation "nowhere"; `parley conversation list` lists all.');
  }
});

longTest(
  "one message is counted in the singular, and `chat` without a credential lists the ways to get one",
  async () => {
    await using folder = new ParleyFolder();
    const { url } = await folder.serve();
    const chat = await folder.run(["chat", "lobby", "--url", url, "--user", "user1"], { stdin: "hello\n" });
    expect(chat.code).toBe(0);
    expect((await conversation(folder, "list")).stdout).toMatch(/^lobby {2}1 message \(1\) /);
    const unknown = await folder.run(["chat", "lobby", "--url", url, "--user", "bob"]);
    expect(unknown).toMatchObject({ code: 1, stdout: "" });
    expect(unknown.stderr).toContain(
      "set PARLEY_TOKEN (`npx parley token bob` on the server's machine prints one)",
    );
  },
);
