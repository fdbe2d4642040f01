// The inbox on a real store, with the order of events chosen: what is read is held back, refused, or let go by the test.
import { expect, test } from "bun:test";
import { ALL_GRANTS, type Grants } from "../../../src/core/access/grants.ts";
import { decodePosition, encodePosition } from "../../../src/core/inbox/position.ts";
import type { InboxFrame, InboxItem } from "../../../src/protocol/frames/inbox-frames.ts";
import { Random, seeds } from "../../support/random.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { add, change } from "./inbox-server.ts";
import { applied, LONG_MS, openScene, ROUND_MS, type Socket } from "./scene.ts";

const names = ({ items }: InboxFrame) => items.map(({ conversation }) => conversation).sort();
const idle = () => new Promise(setImmediate);

test("IN2 a page that is read after a removal, and before its news, takes `removed` from no socket", async () => {
  await using scene = await openScene();
  for (const name of ["kept", "left"]) await add(scene, name, "anna");
  const [one, other] = [scene.open("anna"), scene.open("anna")];
  for (const { client } of [one, other]) await scene.ask(client);
  await change(scene, "left", { user: "anna", role: null });
  // A page says nothing of conversations that are not on it, neither to its own socket.
  await scene.ask(one.client, { limit: 1 });
  for (const { socket } of [one, other])
    await scene.becomes("the conversation is gone", () => Object.keys(socket.items).join() === "kept");
  expect(one.socket.frames.at(-1)).toMatchObject({ item: { conversation: "left", removed: true } });
});

test("IN2 a list that must be sent again, and cannot be read just then, is sent as soon as it can", async () => {
  await using scene = await openScene();
  await add(scene, "team", "anna");
  const { socket, client } = scene.open("anna");
  await scene.ask(client);
  scene.lost.news = true;
  await scene.say("team", "ben");
  scene.lost.news = false;
  scene.reading.fails = true;
  scene.lost.onGap();
  expect(await scene.ask(client)).toBe(false);
  await scene.becomes("it was tried again", () => scene.reading.calls > 6);
  scene.reading.fails = false;
  // Whatever it asks for, it gets the list from the beginning: a position would leave out what it has missed.
  scene.clock.advance(LONG_MS);
  await scene.ask(client, { after: socket.position });
  await scene.becomes("the message is there", () => socket.unread.team === 1);
  expect(socket.frames.filter((frame) => "reset" in frame)).toHaveLength(1);
});

test("IN2 a state that comes back is sent to the socket that saw another one in between", async () => {
  await using scene = await openScene();
  await add(scene, "team", "anna");
  const rename = async (title: string) => {
    const { revision, now: at } = await scene.members.read("team", []);
    const facts = { access: "anyone" as const, title, at };
    await scene.members.change("team", revision, { facts, news: [{ type: "conversation", ...facts }] });
  };
  await rename("first");
  await scene.ask(scene.open("anna").client);
  const { socket, client } = scene.open("anna");
  await rename("second");
  await scene.ask(client);
  expect(socket.items.team!.title).toBe("second");
  await rename("first");
  await scene.becomes("the title is back", () => socket.items.team!.title === "first");
});

test("IN2 a start that fails after the last socket left does not end the one of the next socket", async () => {
  await using scene = await openScene();
  await add(scene, "team", "anna");
  const release = scene.watching.hold();
  scene.watching.fails = true;
  const gone = scene.open("anna");
  const refused = scene.ask(gone.client);
  await waitUntil("it has begun", () => scene.watching.calls === 1);
  scene.inboxes.close(gone.client);
  const { socket, client } = scene.open("anna");
  // The second one begins before the first one fails.
  scene.watching.fails = false;
  const asked = scene.ask(client);
  await waitUntil("it has begun", () => scene.watching.calls === 2);
  release();
  await Promise.all([refused, asked]);
  await scene.say("team", "ben");
  await scene.becomes("the message is there", () => socket.unread.team === 1);
});

test("IN3 with another token no position comes before the list that belongs to it", async () => {
  await using scene = await openScene();
  for (const name of ["team-a", "other"]) await add(scene, name, "anna");
  const narrow = { conversations: ["team-*"] };
  await scene.ask(scene.open("anna", narrow).client);
  const { socket, client } = scene.open("anna");
  await scene.ask(client);
  socket.isWritable = false;
  await scene.say("other", "ben");
  await scene.becomes("the item waits", () => client.pending.size === 1);
  const release = scene.naming.hold();
  const before = scene.naming.calls;
  const asked = scene.ask(client);
  await waitUntil("the list is being read", () => scene.naming.calls > before);
  scene.inboxes.renew(client, narrow);
  socket.isWritable = true;
  release();
  await asked;
  await scene.becomes("the list is that of the token", () => Object.keys(socket.items).join() === "team-a");
  expect(socket.frames.slice(1).map(({ type }) => type)).toEqual(["inbox"]);
  expect(socket.frames[1]).toMatchObject({ reset: true });
});

test("IN3 a socket without a first page gets no positions: they would leave out what it asked for", async () => {
  await using scene = await openScene();
  for (const name of ["a", "b"]) await add(scene, name, "anna");
  const { position } = await scene.comeBack("anna", "");
  await scene.say("a", "ben");
  scene.clock.advance(LONG_MS);
  const { socket, client } = scene.open("anna");
  const quiet = scene.open("anna");
  await scene.ask(quiet.client);
  scene.reading.fails = true;
  expect(await scene.ask(client, { after: position })).toBe(false);
  scene.reading.fails = false;
  await scene.say("b", "ben");
  await scene.becomes("the other socket has it", () => quiet.socket.unread.b === 1);
  expect(socket.frames).toEqual([]);
  await scene.ask(client, { after: position });
  expect(socket.unread).toEqual({ a: 1, b: 1 });
});

test("IN3 the position of a page is not later than an item that still waits for the socket", async () => {
  await using scene = await openScene();
  for (const name of ["old", "new"]) await add(scene, name, "anna");
  await scene.say("old", "ben");
  scene.clock.advance(LONG_MS);
  const { socket, client } = scene.open("anna");
  await scene.ask(client, { limit: 1 });
  socket.isWritable = false;
  await scene.mark("old", "anna", 1);
  await scene.becomes("the item waits", () => client.pending.size === 1);
  scene.clock.advance(LONG_MS);
  await scene.say("new", "ben");
  await scene.ask(client, { limit: 1 });
  expect(names(socket.frames.at(-1) as InboxFrame)).toEqual(["new"]);
  expect(names(await scene.comeBack("anna", socket.position))).toEqual(["new", "old"]);
});

test("IN3 no position is later than the change of a conversation that could not be read", async () => {
  await using scene = await openScene();
  for (const name of ["down", "up"]) await add(scene, name, "anna");
  const { socket, client } = scene.open("anna");
  await scene.ask(client);
  scene.broken.add("down");
  await scene.say("down", "ben");
  for (let seq = 1; seq < 4; seq++) {
    await scene.say("up", "ben");
    await scene.becomes("the other one comes", () => socket.unread.up === seq);
    scene.clock.advance(LONG_MS);
  }
  expect(socket.unread.down).toBe(0);
  // Nor is that of a further page.
  await scene.ask(client, { limit: 1 });
  expect(names(socket.frames.at(-1) as InboxFrame)).toEqual(["up"]);
  scene.broken.clear();
  expect(names(await scene.comeBack("anna", socket.position))).toEqual(["down", "up"]);
  // When it can be read, the positions go on.
  await scene.becomes("it comes, too", () => socket.unread.down === 1);
  scene.clock.advance(LONG_MS);
  await scene.say("up", "ben");
  await scene.becomes("the newest comes", () => socket.unread.up === 4);
  expect(names(await scene.comeBack("anna", socket.position))).toEqual(["up"]);
});

test("IN3 no position is later than a change that waits while its list is read", async () => {
  await using scene = await openScene();
  for (const name of ["a", "b"]) await add(scene, name, "anna");
  const { socket, client } = scene.open("anna");
  const ben = scene.open("ben");
  await add(scene, "bens", "ben");
  for (const each of [client, ben.client]) await scene.ask(each);
  // Another socket of the user has its list read for a long time.
  const release = scene.naming.hold();
  const calls = scene.naming.calls;
  const slow = scene.ask(scene.open("anna").client);
  await waitUntil("the list is being read", () => scene.naming.calls > calls);
  await scene.say("a", "cleo");
  await scene.say("bens", "cleo");
  await scene.becomes("a round has passed", () => ben.socket.unread.bens === 1);
  scene.clock.advance(LONG_MS);
  await scene.say("bens", "cleo");
  await scene.becomes("another round has passed", () => ben.socket.unread.bens === 2);
  socket.isWritable = false;
  release();
  await slow;
  await scene.say("b", "cleo");
  await scene.becomes("both wait", () => client.pending.size === 2);
  // The first is on the line when the socket is cut off, and then the second is not lost.
  const sent = client.pending.take()!;
  const position = encodePosition({ ...decodePosition(socket.position)!, time: sent.time });
  expect(names(await scene.comeBack("anna", position))).toEqual(["a", "b"]);
});

test("IN3 a conversation that came while the list was read is sent to who returns with its position", async () => {
  await using scene = await openScene();
  await add(scene, "a", "anna");
  const release = scene.naming.hold();
  const reading = scene.comeBack("anna", "");
  await waitUntil("the names are read", () => scene.naming.calls === 1);
  await idle();
  await add(scene, "b", "anna");
  scene.clock.advance(LONG_MS);
  release();
  const page = await reading;
  expect(names(page)).toEqual(["a"]);
  expect(names(await scene.comeBack("anna", page.position))).toContain("b");
});

for (const seed of seeds(1, 2)) {
  test(`IN1 IN2 IN3 lists and returns are exact after any order of changes, readings, faults and tokens (seed ${seed})`, async () => {
    await using scene = await openScene();
    const random = new Random(seed);
    const rooms = ["a", "b", "c", "d"];
    for (const room of rooms) await add(scene, room, "anna");
    const narrow = { conversations: ["a", "b"] };
    const sockets = Array.from({ length: 3 }, () => ({
      ...scene.open("anna"),
      grants: ALL_GRANTS as Grants,
    }));
    /** What a client had when it got a position. */
    const snapshots: { grants: Grants; position: string; items: Record<string, InboxItem> }[] = [];
    const seen = new Map<Socket, number>();
    const look = () => {
      for (const { socket } of sockets) {
        const count = socket.frames.length;
        if (count === (seen.get(socket) ?? 0)) continue;
        seen.set(socket, count);
        const { position } = socket;
        const grants = position.endsWith(".0") ? ALL_GRANTS : narrow;
        snapshots.push({ grants, position, items: socket.items });
      }
    };
    const asked: Promise<unknown>[] = [];
    let releases: (() => void)[] = [];
    const repair = () => {
      for (const release of releases) release();
      releases = [];
      scene.broken.clear();
      scene.reading.fails = false;
      for (const { socket } of sockets) socket.isWritable = true;
    };
    const steps: (() => Promise<void> | void)[] = [
      () => scene.say(random.pick(rooms), random.pick(["ben", "cleo"])),
      () => scene.say(random.pick(rooms), random.pick(["ben", "cleo"])),
      async () => void (await scene.mark(random.pick(rooms), "anna", random.between(1, 9)).catch(() => {})),
      () => change(scene, random.pick(rooms), { user: "anna", role: random.pick([null, "member" as const]) }),
      () => change(scene, random.pick(rooms), { user: "anna", role: "member" }),
      () => void asked.push(scene.ask(random.pick(sockets).client)),
      () => {
        const { socket, client } = random.pick(sockets);
        if (socket.frames.length > 0) asked.push(scene.ask(client, { after: socket.position }));
      },
      () => {
        const each = random.pick(sockets);
        each.grants = random.pick([ALL_GRANTS, narrow]);
        scene.inboxes.renew(each.client, each.grants);
      },
      () => {
        random.pick(sockets).socket.isWritable = false;
      },
      () => void releases.push(random.pick([scene.naming, scene.reading]).hold()),
      () => void scene.broken.add(random.pick(rooms)),
      () => {
        scene.reading.fails = true;
      },
      () => repair(),
      () => repair(),
      () => scene.lost.onGap(),
      () => scene.clock.advance(ROUND_MS),
      () => scene.clock.advance(ROUND_MS),
      () => scene.clock.advance(ROUND_MS),
      () => scene.clock.advance(LONG_MS),
    ];
    for (let step = 0; step < 400; step++) {
      await random.pick(steps)();
      for (let ticks = random.between(0, 4); ticks > 0; ticks--) {
        await idle();
        look();
      }
    }
    repair();
    await Promise.all(asked);
    const listOf = async (grants: Grants) => {
      const page = JSON.parse(
        await scene.inboxes.read("anna", grants, { limit: 50, cursor: undefined, after: "" }),
      ) as InboxFrame;
      return applied({}, page);
    };
    for (const { socket, client } of sockets) {
      if (socket.frames.length === 0) await scene.ask(client);
      const list = await listOf(client.list.grants);
      await scene.becomes("the list is that of the store", () => Bun.deepEquals(socket.items, list));
    }
    for (const { grants, position, items } of snapshots) {
      const frame = JSON.parse(
        await scene.inboxes.read("anna", grants, { limit: 50, cursor: undefined, after: position }),
      ) as InboxFrame;
      expect([position, applied(items, frame)]).toEqual([position, await listOf(grants)]);
    }
  });
}
