import { ParleyFolder } from "../cli/parley.ts";
import { Random } from "../support/random.ts";
import { check, type Verdict } from "./checker.ts";
import { type DeliveryClient, type Pace, WireClient } from "./client.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { LibraryClient } from "./library-client.ts";
import { ManyNodes } from "./nodes/stage.ts";
import type { StoreFaultName } from "./nodes/store.ts";
import { chargedTo, epochOf, readConversation } from "./read-back.ts";
import { lastEpoch, type StoredConversation } from "./record.ts";
import { type Cut, disturb, type ScheduleOptions, schedule } from "./schedule.ts";
import { OneServer, type Stage, type StageOptions, tokenOf } from "./stage.ts";

export interface RunOptions extends StageOptions, ScheduleOptions {
  readonly seed: number;
  readonly clients: number;
  readonly pace: Pace;
  /** Messages that are acked at least while everything happens: a busy machine takes longer for them. */
  readonly least?: number;
  /** Makes every second client of the library; without it, all are made of the wire alone. */
  readonly library?: boolean;
  /** The program that is the server; the command line itself without it. */
  readonly program?: string;
  /** Nodes that share a Redis, and what that suffers; one server with its embedded store without them. */
  readonly nodes?: { readonly count: number; readonly fault: StoreFaultName };
}

export interface RunResult {
  readonly options: RunOptions;
  readonly verdict: Verdict;
  readonly messages: number;
  readonly repeats: number;
  readonly reconnects: number;
  /** How often a client was told that it missed messages which are no longer kept. */
  readonly toldLost: number;
  readonly kills: number;
  readonly drains: number;
  /** How often the store of many nodes suffered. */
  readonly strikes: number;
  readonly cuts: Readonly<Record<Cut, number>>;
}

const CLIENTS_IN_A_CONVERSATION = 6;

/** How long the last answers may take, in milliseconds. */
const PATIENCE = 60_000;

/** Milliseconds between two looks, and after how many of them without an answer nothing more is waited for: 4 s, more on a busy machine. */
const LOOK = 20;
const SILENT_LOOKS = 200;

/** One run: clients talk through a bad network to a server that is killed and stopped; then all is compared. */
export async function run(options: RunOptions): Promise<RunResult> {
  const random = new Random(options.seed);
  await using proxy = await FaultProxy.start();
  await using stage = await openStage(options, proxy, random);
  const clients = await makeClients(options, `ws://127.0.0.1:${proxy.port}`, random);
  try {
    const cuts = await play(options, { random, proxy, stage, clients });
    const { stored, charged } = await readBack(stage, clients, random);
    const records = clients.map(({ record }) => record);
    return {
      options,
      verdict: check({
        clients: records,
        stored,
        charged,
        storesLost: stage.storesLost,
        partsMayDiffer: stage.partsMayDiffer,
        retention: options.retention !== undefined,
        crashes: stage.crashes,
      }),
      messages: [...stored.values()].reduce((sum, { messages }) => sum + messages.length, 0),
      repeats: clients.reduce((sum, { repeats }) => sum + repeats, 0),
      reconnects: clients.reduce((sum, { connections }) => sum + Math.max(0, connections - 1), 0),
      toldLost: records.flatMap(({ events }) => events).filter((event) => "lost" in event).length,
      kills: stage.kills,
      drains: stage.drains,
      strikes: stage.strikes,
      cuts,
    };
  } finally {
    for (const client of clients) client.leave();
  }
}

function ackedBy(clients: readonly DeliveryClient[]): number {
  return clients.reduce(
    (sum, { record }) => sum + record.events.filter(({ what }) => what === "acked").length,
    0,
  );
}

interface Cast {
  readonly random: Random;
  readonly proxy: FaultProxy;
  readonly stage: Stage;
  readonly clients: readonly DeliveryClient[];
}

/** Lets the clients talk while everything happens to them, until all that they said is answered. */
async function play(
  options: RunOptions,
  { random, proxy, stage, clients }: Cast,
): Promise<Record<Cut, number>> {
  for (const client of clients) client.start();
  await until(() => clients.every(({ connections }) => connections > 0));
  const cuts: Record<Cut, number> = { reset: 0, "half-open": 0, stall: 0 };
  /** Waits for a time of the schedule, and for the part of the messages that is due then. */
  const reach = async (at: number) => {
    await Bun.sleep(Math.max(0, at - stage.elapsed()));
    const due = ((options.least ?? 0) * at) / (options.seconds * 1000);
    await until(() => ackedBy(clients) >= due);
  };
  for (const { at, what } of schedule(options, random)) {
    await reach(at);
    if (what !== "cut") await stage[what]();
    else {
      const hit = disturb(proxy, random);
      if (hit !== undefined) cuts[hit]++;
    }
  }
  await reach(options.seconds * 1000);
  await stage.calm();
  for (const client of clients) client.quiet();
  await settle(clients);
  await untilTold(clients, stage);
  return cuts;
}

/** What the store has, after some of the clients have left. */
async function readBack(stage: Stage, clients: readonly DeliveryClient[], random: Random) {
  const connected = clients.filter(() => random.next() < 0.5);
  for (const client of clients) if (!connected.includes(client)) client.leave();
  const stored = new Map<string, StoredConversation>();
  for (const conversation of new Set(clients.map(({ record }) => record.conversation)))
    stored.set(
      conversation,
      await readConversation(stage.url, conversation, usersOf(connected, conversation)),
    );
  const charged = new Map<string, number>();
  for (const user of new Set(clients.map(({ record }) => record.user)))
    charged.set(user, await chargedTo(stage.url, user));
  return { stored, charged };
}

async function openStage(options: RunOptions, proxy: FaultProxy, random: Random) {
  const { nodes, ...rest } = options;
  if (nodes !== undefined)
    return ManyNodes.open({ ...rest, nodes: nodes.count, fault: nodes.fault }, proxy, random);
  const stage = new OneServer(new ParleyFolder(options.program), proxy, options);
  await stage.open();
  return stage;
}

async function makeClients(
  { clients: count, pace, library = false }: RunOptions,
  url: string,
  random: Random,
): Promise<DeliveryClient[]> {
  const conversations = Math.ceil(count / CLIENTS_IN_A_CONVERSATION);
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const conversation = `room-${i % conversations}`;
      const place = Math.floor(i / conversations);
      // The first two of a conversation are one user with two tabs; some users are in every conversation.
      const user = place < 2 ? `tabs-${i % conversations}` : `user-${place}`;
      const name = `${conversation}.${place}`;
      const own = new Random(random.between(0, 2 ** 31));
      const parts = { name, user, conversation, url, pace, token: await tokenOf(user), random: own };
      return library && place % 2 === 1 ? new LibraryClient(parts) : new WireClient(parts);
    }),
  );
}

/** Waits until everything said is answered and heard, or nobody has heard anything for so long that it never will be. */
async function settle(clients: readonly DeliveryClient[]): Promise<void> {
  let heard = 0;
  let silent = 0;
  await until(() => {
    const newest = new Map<string, number>();
    for (const { record, newest: told } of clients)
      newest.set(record.conversation, Math.max(newest.get(record.conversation) ?? 0, told));
    const count = clients.reduce((sum, { record }) => sum + record.events.length, 0);
    silent = count === heard ? silent + 1 : 0;
    heard = count;
    return (
      silent > SILENT_LOOKS ||
      clients.every((client) => client.settled(newest.get(client.record.conversation) ?? 0))
    );
  });
}

/**
 * Waits until every client was told of the life that the store has now: in a room where nobody speaks, a node finds out
 * by and by.
 */
async function untilTold(clients: readonly DeliveryClient[], stage: Stage): Promise<void> {
  if (stage.storesLost === 0) return;
  const epochs = new Map<string, string>();
  for (const { record } of clients)
    if (!epochs.has(record.conversation))
      epochs.set(record.conversation, await epochOf(stage.url, record.conversation));
  await until(() => clients.every(({ record }) => lastEpoch(record) === epochs.get(record.conversation)));
  await settle(clients);
}

/** Waits until `holds`, but not for ever: what does not come is for the checker to say. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  while (!holds() && performance.now() < deadline) await Bun.sleep(LOOK);
}

function usersOf(clients: readonly DeliveryClient[], conversation: string): string[] {
  const here = clients.filter(({ record }) => record.conversation === conversation);
  return [...new Set(here.map(({ record }) => record.user))];
}
