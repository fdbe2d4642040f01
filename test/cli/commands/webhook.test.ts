import { expect, test } from "bun:test";
import { waitUntil } from "../../support/time/wait-until.ts";
import { WebhookReceiver } from "../../support/webhook-receiver.ts";
import { ParleyFolder } from "../parley-folder.ts";

test("EV2 `webhook` adds, lists, pauses, resumes, replays, rotates and removes, beside a running server", async () => {
  await using folder = new ParleyFolder();
  const env = { WEBHOOK_ALLOW_PRIVATE: "true", TEST_FAULTS: "off" };
  const server = await folder.serve([], env);
  using receiver = new WebhookReceiver("whsec_AAAA");
  const webhook = (...args: string[]) => folder.run(["webhook", ...args], { env });
  const token = (await folder.run(["token", "user1"])).stdout.trim();
  const say = (text: string) =>
    fetch(`${server.url}/conversations/lobby/messages`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}` },
      body: JSON.stringify({ text }),
    });
  await say("before");
  expect((await webhook("list")).stdout).toContain("There are no webhooks");
  const added = await webhook("add", receiver.url, "--id", "crm", "--types", "message.created", "--json");
  receiver.secret = JSON.parse(added.stdout).secret;
  await say("after");
  const texts = () => receiver.accepted.map(({ message }) => message?.text);
  await waitUntil("the event has come", () => texts().includes("after"));
  expect(texts()).toEqual(["after"]);

  expect((await webhook("pause", "crm")).stdout).toBe("Paused crm.\n");
  expect((await webhook("list")).stdout).toContain("paused (operator)");
  receiver.secret = JSON.parse((await webhook("rotate", "crm", "--seconds", "0", "--json")).stdout).secret;
  expect((await webhook("replay", "crm", "--since", "2020-01-01T00:00:00Z")).stdout).toBe("Replaying crm.\n");
  expect(await webhook("replay", "crm", "--since", "2930-01-01T00:00:00Z")).toMatchObject({
    ...{ code: 2, stdout: "", stderr: expect.stringContaining("must not be later than now") },
  });
  expect((await webhook("resume", "crm")).stdout).toBe("Resumed crm.\n");
  await waitUntil("all have come", () => texts().includes("before"));
  expect((await webhook("resume", "crm")).stdout).toBe(
    "crm is active already, and none of its events waits for a retry.\n",
  );
  // What waits for the schedule is sent at once when the receiver is repaired.
  receiver.answer = () => new Response(null, { status: 500 });
  await say("failed");
  const listed = /^crm +active +\S+Z +\S+Z +\S+Z +\S+Z status 500/m;
  await waitUntil("the list has the next retry", async () => listed.test((await webhook("list")).stdout));
  receiver.answer = () => new Response(null, { status: 204 });
  expect((await webhook("resume", "crm")).stdout).toBe(
    "Resumed crm; what has failed is tried again now (1).\n",
  );
  await waitUntil("it has come", () => texts().includes("failed"));
  expect((await webhook("remove", "crm")).stdout).toBe("Removed crm.\n");
  expect(await webhook("remove", "crm")).toMatchObject({ code: 1, stdout: "" });
  for (const args of [
    ["replay", "crm", "--since", "soon"],
    ["add", "http://a.example:22/"],
    ["add", receiver.url, "--types", "message.gone"],
  ])
    expect(await webhook(...args)).toMatchObject({ code: 2, stdout: "" });
  expect(receiver.unverified).toBe(0);
});
