// What an idle socket costs in resident memory of the server, on Parley and on the library centrifuge, in turns: without a
// conversation, with 1 and with 64 open ones (64 are the most; subscriptions on centrifuge), and on Parley with 1,000 conversations
// in the inbox, which was asked for: `bun bench/standalone/beside-centrifuge/idle-sockets.ts [none|one|many|inbox [sockets]]`. Conversations have ten
// users. Centrifuge has recovery on, once without and once with presence, joins and leaves, which Parley always has.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeMessageBody } from "../../../src/core/conversation/entry.ts";
import { openSqlite } from "../../../src/engine/sqlite/open.ts";
import { systemClock } from "../../../src/server/process/system-clock.ts";
import { buildGenerator, type IdleResult } from "../../load-generator.ts";
import { startCentrifuge } from "../../peers/centrifuge.ts";
import { parley } from "../../peers/parley.ts";
import type { Peer } from "../../peers/peer.ts";

const USERS_OF_A_CONVERSATION = 10;
/** Conversations in each inbox. All users are in all of them. */
const INBOX = 1_000;

interface Row {
  readonly title: string;
  /** With too few, the figure is about the pages that a collector gives back or keeps: 20 MB from run to run. */
  readonly sockets: number;
  /** Conversations that each socket opens. */
  readonly open: number;
  readonly inbox?: boolean;
}

const ROWS: Readonly<Record<string, Row>> = {
  none: { title: "no conversation", sockets: 5_000, open: 0 },
  one: { title: "1 open conversation", sockets: 5_000, open: 1 },
  many: { title: "64 open conversations", sockets: 1_000, open: 64 },
  inbox: { title: `${INBOX} conversations in the inbox, none open`, sockets: 1_000, open: 0, inbox: true },
};

type Measured = Pick<Peer, "name" | "protocol" | "start">;
const CENTRIFUGES: readonly Measured[] = [
  { name: "centrifuge", protocol: "centrifuge", start: (options) => startCentrifuge(options) },
  {
    name: "centrifuge with presence, join and leave",
    protocol: "centrifuge",
    start: (options) => startCentrifuge(options, { JOIN_LEAVE: "true" }),
  },
];

const [chosen, sockets] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "parley-idle-"));
try {
  const load = await buildGenerator(folder);
  for (const [name, usual] of Object.entries(ROWS)) {
    if (chosen !== undefined && chosen !== name) continue;
    const row = sockets === undefined ? usual : { ...usual, sockets: Number(sockets) };
    for (const peer of [parley, ...(row.inbox ? [] : CENTRIFUGES)]) {
      const own = mkdtempSync(join(folder, "server-"));
      if (row.inbox) await fillInboxes(join(own, "data"), row.sockets);
      await using server = await peer.start({ members: 1, folder: own });
      const { port, pid } = server;
      const paths = Array.from({ length: row.sockets }, (_, i) => pathOf(peer, row, i, server.target));
      const asked = row.inbox ? 1 : row.open;
      const job = {
        scenario: "idle",
        protocol: peer.protocol,
        port,
        pid,
        paths,
        roomSize: 1,
        asked,
      } as const;
      const { before, after } = (await load.run(job)) as IdleResult;
      const each = (after - before) / row.sockets / 1024;
      const [from, to] = [before, after].map((bytes) => Math.round(bytes / 2 ** 20));
      console.log(
        `${row.title}, ${row.sockets} sockets, ${peer.name}: ${each.toFixed(1)} KiB each (${from} to ${to} MiB)`,
      );
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** The address of a user's socket and, behind the #, what it asks for (bench/load/opening.go). */
function pathOf({ protocol }: Measured, row: Row, i: number, target: (user: string, name: string) => string) {
  const names = Array.from({ length: row.open }, (_, k) => nameOf(row, i, k));
  if (protocol === "centrifuge")
    return target(`user-${i}`, "").replace("&channel=", `#channel=${names.join(",")}`);
  // `target` has a conversation at the end of its path; the socket of a user has none.
  const address = target(`user-${i}`, "-").replace("/-?", "?");
  if (row.inbox) return `${address}#${JSON.stringify({ type: "inbox" })}`;
  const conversations = names.map((conversation) => ({ conversation }));
  return row.open === 0 ? address : `${address}#${JSON.stringify({ type: "open", conversations })}`;
}

/** Conversation `k` of socket `i`. Ten users share all of theirs. */
function nameOf({ sockets, open }: Row, i: number, k: number): string {
  const count = Math.ceil((sockets * open) / USERS_OF_A_CONVERSATION);
  return `room-${(i * open + k) % count}`;
}

/** Makes all users members of INBOX conversations with a message each. */
async function fillInboxes(dataDir: string, users: number): Promise<void> {
  mkdirSync(dataDir);
  const store = await openSqlite({ dataDir, clock: systemClock(), emit: () => {}, sync: "normal" });
  const standings = Array.from({ length: users }, (_, i) => ({ user: `user-${i}`, role: "member" as const }));
  for (let i = 0; i < INBOX; i++) {
    const conversation = `room-${i}`;
    const { revision } = await store.members.read(conversation, []);
    await store.members.change(conversation, revision, { standings, news: [] });
    const body = encodeMessageBody("hello");
    const message = { conversation, user: "other", id: `m-${i}`, kind: "message" as const, body, limit: 0 };
    await new Promise<void>((resolve, reject) =>
      store.engine.post(message, ({ outcome }) =>
        outcome === "stored" ? resolve() : reject(new Error(outcome)),
      ),
    );
  }
  await store.close();
}
