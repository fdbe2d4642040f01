import { expect, test } from "bun:test";
import { join } from "node:path";
import { connect, watchMessages } from "../../../src/client/index.ts";
import { longTest } from "../../support/long-test.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { ParleyFolder } from "../parley-folder.ts";

test("a start prints one block, serves, notices new accounts, and SIGTERM ends it with 0", async () => {
  await using folder = new ParleyFolder();
  const server = await folder.serve();
  const { stderr } = server.output();
  expect(stderr).toContain(
    `${server.url.replace(/^http/, "ws")}/ws/{user_id}/{conversation_id}?token={token}`,
  );
  expect(stderr).toContain(
    `${server.url.replace(/^http/, "ws")}/ws/{user_id}?token={token} for many conversations`,
  );
  expect(stderr).toContain(`embedded, ${join(folder.path, "data/parley.db")}`);
  expect(stderr).toContain("user1 (free), user2 (basic), user3 (premium); password: password");
  expect(stderr).toMatch(/Production +set HOST, SECRET_KEY/);
  expect(stderr).toContain(
    `Talk        open ${server.url}/ or run: npx parley chat lobby --user user1 --url ${server.url}\n`,
  );
  expect(stderr).toContain(`Inbox       npx parley inbox --user user1 --url ${server.url}\n`);
  // The lines of "Post" work when they are pasted into a shell.
  const [, ...lines] = / {2}Post +(TOKEN=.*)\n +(curl .*)\n/.exec(stderr)!;
  const posted = await Bun.$`sh -c ${lines.join("\n")}`.json();
  expect(posted).toMatchObject({ id: expect.any(String), seq: 1 });
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);

  const added = await folder.run(["user", "add", "ada", "--password-stdin"], { stdin: "correct horse" });
  expect(added).toMatchObject({ code: 0, stderr: `store: ${join(folder.path, "data")}\n` });
  const answer = await fetch(`${server.url}/token`, {
    method: "POST",
    body: new URLSearchParams({ username: "ada", password: "correct horse" }),
  });
  expect(answer.status).toBe(200);

  server.process.kill("SIGTERM");
  expect(await server.process.exited).toBe(0);
  // SEC-P2: in a pipe, every line of standard output is JSON.
  for (const line of server.output().stdout.trimEnd().split("\n"))
    expect(JSON.parse(line)).toHaveProperty("event");
});

longTest(
  "a first start has something to read: the inbox of user1 shows the lobby and a group, once",
  async () => {
    await using folder = new ParleyFolder();
    const env = { DEMO_CONVERSATIONS: "true" };
    const first = await folder.serve([], env);
    const shown = await folder.run(["inbox", "--user", "user1", "--url", first.url]);
    expect(shown.stdout).toMatch(/^2 +_\w{25} \(Cake for user3\) .*user2: .*\n2 +lobby .*user2: /m);
    expect(shown.stdout).toContain("4 unread messages in 2 conversations.\n");
    first.process.kill("SIGTERM");
    await first.process.exited;
    const again = await folder.serve([], env);
    expect((await folder.run(["inbox", "--user", "user1", "--url", again.url])).stdout).toBe(shown.stdout);
    const idle = await folder.run(["inbox", "--user", "user2", "--url", again.url]);
    expect(idle.stdout).toEndWith("Nothing is unread.\n");
    await answersInTheGroup(again.url);
    again.process.kill("SIGTERM");
    expect(await again.process.exited).toBe(0);
  },
);

/** The demo agent answers user1 by a stream, and stops when user1 asks it to. */
async function answersInTheGroup(url: string): Promise<void> {
  const form = new URLSearchParams({ username: "user1", password: "password" });
  const signIn = await fetch(`${url}/token`, { method: "POST", body: form });
  const parley = connect({ url, token: (await signIn.json()).access_token });
  const { items } = await parley.request<{ items: { conversation: string }[] }>("GET", "/inbox");
  const group = parley.conversation(items[0]!.conversation);
  const list = watchMessages(group);
  list.subscribe(() => {});
  await group.send("hello, program");
  const answer = () => list.getSnapshot().entries.at(-1)!;
  await waitUntil("the answer grows", () => answer().from === "demo-agent" && answer().text !== "");
  expect(answer()).toMatchObject({ state: "streaming", reply_to: 5 });
  await group.cancel(answer());
  await waitUntil("it has ended", () => answer().state === "stored");
  expect(answer().text).toStartWith("You ");
  expect(answer().stream?.state).toBe("cancelled");
  // It answers once, and not itself.
  expect(answer().seq).toBe(6);
  await parley.close();
}

test("a data folder in use and a taken port are reported in one line, with exit code 1", async () => {
  await using folder = new ParleyFolder();
  const server = await folder.serve();
  const port = new URL(server.url).port;
  const [sameFolder, samePort] = await Promise.all([
    folder.run(["serve"], { env: { PORT: "0" } }),
    folder.run(["serve", "--port", port, "--data-dir", "other"]),
  ]);
  expect(sameFolder.code).toBe(1);
  expect(sameFolder.stderr).toMatch(
    /^parley: The data folder .* is in use by another Parley server\. [^\n]+\n$/,
  );
  expect(samePort.code).toBe(1);
  expect(samePort.stderr).toMatch(
    new RegExp(`^parley: Another program already listens on 127\\.0\\.0\\.1:${port}\\. [^\\n]+\\n$`),
  );
});

test("TEST_FAULTS is shown in the block and the log, and refused if other machines can reach the server", async () => {
  await using folder = new ParleyFolder();
  const server = await folder.serve([], { TEST_FAULTS: "true" });
  expect(server.output().stderr).toMatch(
    /Faults +on \(TEST_FAULTS: clients may disturb their own connections\)/,
  );
  expect(server.output().stderr).toMatch(/Production +set TEST_FAULTS=false, /);
  expect(server.output().stdout).toContain('"event":"test.faults_enabled"');
  const refused = await folder.run(["serve", "--host", "0.0.0.0", "--test-faults", "true"]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(
    /^error: TEST_FAULTS=true is for a server that only this machine reaches, [^\n]+\n$/,
  );
});

longTest("without demo accounts the block begins with the addresses", async () => {
  await using folder = new ParleyFolder();
  const server = await folder.serve([], { DEMO_ACCOUNTS: "false" });
  expect(server.output().stderr).toMatch(/Ctrl\+C stops it\.\n\n {2}Console {5}\S+\n/);
  expect(server.output().stderr).not.toContain("Talk ");
});

test("`parley` alone lists six tasks; flags alone run a server", async () => {
  await using folder = new ParleyFolder();
  const { code, stdout, stderr } = await folder.run([]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.match(/^ {2}parley [a-z]+/gm)).toHaveLength(6);
  const refused = await folder.run(["--port", "none"]);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain("PORT");
});
