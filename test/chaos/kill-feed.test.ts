// A server that is killed under load, and the feed that it leaves.
import { expect, test } from "bun:test";
import { ParleyFolder, type Running } from "../cli/parley-folder.ts";
import { serverEnvironment, tokenOf } from "../delivery/topology/topology.ts";
import { TestClient } from "../support/clients/test-client.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const KEY = `pk_${"0".repeat(40)}`;
const ENTRY = `backend:${new Bun.CryptoHasher("sha256").update(KEY).digest("hex")}:read+write`;

interface Event {
  readonly id: string;
  readonly type: string;
  readonly conversation?: string;
  readonly user?: string;
  readonly message?: { readonly seq: number; readonly id: string; readonly rev?: number };
}

function ask({ url }: Running, path: string, method = "GET", body?: object): Promise<Response> {
  const headers = { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" };
  return fetch(`${url}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
}

const linesOf = (text: string): Event[] =>
  text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Event);

test("EV1 EV3 kill -9 under load: the feed has exactly what the log has, in its order, and who was present has left", async () => {
  await using folder = new ParleyFolder();
  const environment = { ...serverEnvironment({}), API_KEYS: ENTRY };
  const first = await folder.serve([], environment);
  const port = new URL(first.url).port;
  const command = { PARLEY_API_KEY: KEY, PARLEY_URL: first.url };
  const follower = folder.start(["events", "--follow", "--json"], command);
  const followed: string[] = [];
  const reading = (async () => {
    for await (const chunk of follower.stdout) followed.push(new TextDecoder().decode(chunk));
  })();
  // The follower reads all types, so from its first request on presence is written.
  await waitUntil("presence is read", async () => {
    const ben = await TestClient.connect(
      `${first.url.replace("http", "ws")}/ws/ben/lobby?token=${await tokenOf("ben")}`,
    );
    ben.socket.close();
    return linesOf(followed.join("")).some(({ type }) => type === "presence.joined");
  });
  await TestClient.connect(`${first.url.replace("http", "ws")}/ws/ann/lobby?token=${await tokenOf("ann")}`);
  // A message in each of 4 conversations, and a reaction to each, until the server is gone.
  let stored = 0;
  const load = Array.from({ length: 4 }, async (_, room) => {
    for (let i = 0; ; i++) {
      const path = `/conversations/room-${room}/messages`;
      const posted = await ask(first, path, "POST", { from: "ann", text: `${i}`, id: `${i}` });
      const { seq } = (await posted.json()) as { seq: number };
      await ask(first, `${path}/${seq}/reactions/ok?from=ann`, "PUT");
      stored++;
    }
  });
  const ended = Promise.allSettled(load);
  await waitUntil("there is enough", () => stored > 200);
  first.process.kill("SIGKILL");
  await ended;

  const second = await folder.serve([], { ...environment, PORT: port });
  const listed = await folder.run(["events", "--json"], { env: command });
  expect(listed.stderr).toContain("Position: ");
  const events = linesOf(listed.stdout);
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
  for (const room of [0, 1, 2, 3]) {
    const name = `room-${room}`;
    const of = (type: string) => events.filter((event) => event.conversation === name && event.type === type);
    const log: { seq: number; id: string; rev?: number }[] = [];
    for (let after = 0, more = true; more; after = log.at(-1)!.seq) {
      const page = (await (
        await ask(second, `/conversations/${name}/messages?after=${after}&limit=200`)
      ).json()) as {
        messages: typeof log;
        more: boolean;
      };
      log.push(...page.messages);
      ({ more } = page);
    }
    const created = of("message.created").map(({ message }) => [message!.seq, message!.id]);
    expect(created).toEqual(log.map(({ seq, id }) => [seq, id]));
    const reacted = of("message.reacted").map(({ message }) => message!.seq);
    expect(reacted).toEqual(log.filter(({ rev }) => rev !== undefined).map(({ seq }) => seq));
    expect(of("conversation.created")).toHaveLength(1);
  }
  const left = events.filter(({ type, user }) => type === "presence.left" && user === "ann");
  expect(left).toMatchObject([{ conversation: "lobby" }]);

  // The follower went on with the server that came back: each event once, and none missing since its first one.
  await ask(second, "/conversations/last/messages", "POST", { from: "ann", text: "end" });
  const wanted = linesOf((await folder.run(["events", "--json"], { env: command })).stdout);
  await waitUntil("the follower has the last event", () =>
    linesOf(followed.join("")).some(({ id }) => id === wanted.at(-1)!.id),
  );
  const seen = linesOf(followed.join("")).map(({ id }) => id);
  const all = wanted.map(({ id }) => id);
  expect(seen).toEqual(all.slice(all.indexOf(seen[0]!)));
  follower.kill();
  await reading;
});
