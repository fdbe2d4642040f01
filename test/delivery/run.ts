import { Random } from "../support/random.ts";
import { checkRecord, type Verdict } from "./check/checker.ts";
import { InboxWatcher } from "./clients/inbox-watcher.ts";
import { LibraryClient } from "./clients/library-client.ts";
import { type DeliveryClient, type SendPace, WireClient } from "./clients/wire-client.ts";
import { UserLine } from "./clients/wire-line.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { type Group, Operator } from "./membership/operator.ts";
import { OperatorApi } from "./membership/operator-api.ts";
import { chargedTo, epochOf, readConversation } from "./read-back.ts";
import { readMembership } from "./read-membership.ts";
import { isOut, lastEpoch, type StoredConversation } from "./record.ts";
import { type Cut, injectConnectionFault, type ScheduleOptions, schedule } from "./schedule.ts";
import { RUN_TIMEOUT_MS } from "./timeouts.ts";
import { openTopology, type ServerOptions, waitFor } from "./topology/open-topology.ts";
import { type Topology, tokenOf } from "./topology/topology.ts";

export interface RunOptions extends ServerOptions, ScheduleOptions {
  readonly seed: number;
  readonly clients: number;
  readonly pace: SendPace;
  /** Messages that are acked at least while everything happens: a busy machine takes longer for them. */
  readonly least?: number;
  /** Makes every second client of the library; without it, all are made of the wire alone. */
  readonly library?: boolean;
}

export interface RunResult {
  readonly options: RunOptions;
  readonly verdict: Verdict;
  readonly messages: number;
  readonly repeats: number;
  readonly reconnects: number;
  /** How often a client was notified that it missed messages which are no longer kept. */
  readonly lossNotices: number;
  readonly kills: number;
  readonly drains: number;
  /** How often the store of many nodes suffered. */
  readonly strikes: number;
  readonly cuts: Readonly<Record<Cut, number>>;
  /** Bans, removals and mutes. */
  readonly sanctions: number;
}

const CLIENTS_IN_A_CONVERSATION = 6;

/** The client of each conversation whose user is in all conversations on one socket. */
const ON_ONE_SOCKET = 4;

/** The users of each conversation who are banned, removed and muted: all their clients are made of the wire. */
const TARGETS = ["user-2", `user-${ON_ONE_SOCKET}`];

/** The users whose live inbox is followed. */
const WATCHED = [...TARGETS, "tabs-0"];

/** After how many polls without an event waiting ends: 6 s, more on a busy machine. */
const MAX_SILENT_POLLS = 300;

/**
 * One run: clients connect through a bad network to a server that is killed and stopped; then everything is compared.
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const random = new Random(options.seed);
  await using proxy = await FaultProxy.start();
  await using topology = await openTopology(options, proxy, random);
  const address = `ws://127.0.0.1:${proxy.port}`;
  const clients = await makeClients(options, address, random);
  const watchers = await makeWatchers(address, random);
  const groups = groupsOf(clients);
  const api = await OperatorApi.create(() => topology.url);
  const operator = new Operator(groups, api, new Random(random.between(0, 2 ** 31)));
  await operator.open();
  try {
    const context = { random, proxy, topology, clients, watchers, operator };
    const cuts = await runClients(options, context);
    const { stored, charged } = await readBack(topology, clients, random);
    const records = clients.map(({ record }) => record);
    // On a busy machine a Redis may fail when the run did not make it fail, and then the operator may be refused.
    const uncertain = topology.storesLost > Math.max(topology.strikes, options.losses ?? 0);
    const retention = options.retention !== undefined;
    const membership = await readMembership({ ...context, groups, records, stored, uncertain, retention });
    return {
      options,
      verdict: checkRecord({
        ...membership,
        clients: records,
        stored,
        charged,
        storesLost: topology.storesLost,
        partsMayDiffer: topology.partsMayDiffer,
        retention,
        crashes: [
          ...topology.crashes,
          ...watchers.flatMap(({ refusals }) => refusals),
          ...(uncertain ? [] : operator.refusals),
        ],
      }),
      messages: [...stored.values()].reduce((sum, { messages }) => sum + messages.length, 0),
      repeats: clients.reduce((sum, { repeats }) => sum + repeats, 0),
      reconnects: clients.reduce((sum, { connections }) => sum + Math.max(0, connections - 1), 0),
      lossNotices: records.flatMap(({ events }) => events).filter((event) => "lost" in event).length,
      kills: topology.kills,
      drains: topology.drains,
      strikes: topology.strikes,
      cuts,
      sanctions: operator.sanctions.length,
    };
  } finally {
    for (const client of clients) client.close();
    for (const watcher of watchers) watcher.end();
  }
}

function ackedBy(clients: readonly DeliveryClient[]): number {
  return clients.reduce(
    (sum, { record }) => sum + record.events.filter(({ kind }) => kind === "acked").length,
    0,
  );
}

interface RunContext {
  readonly random: Random;
  readonly proxy: FaultProxy;
  readonly topology: Topology;
  readonly clients: readonly DeliveryClient[];
  readonly watchers: readonly InboxWatcher[];
  readonly operator: Operator;
}

/** Lets the clients post while faults are injected, until every message has a result. */
async function runClients(
  options: RunOptions,
  { random, proxy, topology, clients, watchers, operator }: RunContext,
): Promise<Record<Cut, number>> {
  for (const each of [...clients, ...watchers]) each.start();
  await waitFor(() => clients.every(({ connections }) => connections > 0));
  operator.start();
  const cuts: Record<Cut, number> = { reset: 0, "half-open": 0, stall: 0 };
  /** Waits for a time of the schedule, and for the part of the messages that is due then. */
  const reach = async (at: number) => {
    await Bun.sleep(Math.max(0, at - topology.elapsed()));
    const due = ((options.least ?? 0) * at) / (options.seconds * 1000);
    await waitFor(() => {
      operator.throwFailure();
      return ackedBy(clients) >= due;
    });
  };
  for (const { at, what } of schedule(options, random)) {
    await reach(at);
    if (what !== "cut") {
      const mayLose = topology.mayLose(what);
      if (mayLose) operator.interrupt();
      await topology[what]();
      if (mayLose) {
        await topology.faultsEnded();
        await operator.restore();
      }
    } else {
      const hit = injectConnectionFault(proxy, random);
      if (hit !== undefined) cuts[hit]++;
    }
  }
  await reach(options.seconds * 1000);
  await topology.waitUntilHealthy();
  await operator.stop();
  for (const each of [...clients, ...watchers]) each.stopAbsences();
  for (const client of clients) client.stopSending();
  await settle(clients, operator);
  // Clients that are connected and silent learn of a ban only by what the server sends.
  for (const change of [() => operator.banAll(), () => operator.liftHalf()]) {
    await change();
    await settle(clients, operator);
  }
  await waitForEpoch(clients, topology, operator);
  return cuts;
}

/** The content of the store, after some of the clients have left. */
async function readBack(stage: Topology, clients: readonly DeliveryClient[], random: Random) {
  const staying = clients.filter(() => random.next() < 0.5);
  for (const client of clients) if (!staying.includes(client)) client.close();
  const connected = staying.filter(({ record }) => !isOut(record));
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

async function makeClients(
  { clients: count, pace, library = false, isPatient = false }: RunOptions,
  url: string,
  random: Random,
): Promise<DeliveryClient[]> {
  const conversations = Math.ceil(count / CLIENTS_IN_A_CONVERSATION);
  const pingTimeoutMs = isPatient ? RUN_TIMEOUT_MS : undefined;
  const line = new UserLine({
    ...{ user: `user-${ON_ONE_SOCKET}`, url, token: await tokenOf(`user-${ON_ONE_SOCKET}`) },
    random: new Random(random.between(0, 2 ** 31)),
    pingTimeoutMs,
  });
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const conversation = `room-${i % conversations}`;
      const member = Math.floor(i / conversations);
      // The first two of a conversation are one user with two tabs; some users are in every conversation.
      const user = member < 2 ? `tabs-${i % conversations}` : `user-${member}`;
      const name = `${conversation}.${member}`;
      const own = new Random(random.between(0, 2 ** 31));
      const token = await tokenOf(user);
      const clientOptions = { name, user, conversation, url, pace, token, random: own, pingTimeoutMs };
      if (library && member % 2 === 1) return new LibraryClient(clientOptions);
      return new WireClient(clientOptions, member === ON_ONE_SOCKET ? line : undefined);
    }),
  );
}

/** The live inboxes of some users, on sockets of their own. */
function makeWatchers(url: string, random: Random): Promise<InboxWatcher[]> {
  return Promise.all(
    WATCHED.map(async (user) => {
      const own = new Random(random.between(0, 2 ** 31));
      return new InboxWatcher({ user, url, token: await tokenOf(user), random: own });
    }),
  );
}

/** The conversations with their users; every second one is private. */
function groupsOf(clients: readonly DeliveryClient[]): Group[] {
  return [...new Set(clients.map(({ record }) => record.conversation))].map((conversation, i) => {
    const users = usersOf(clients, conversation);
    const targets = users.filter((user) => TARGETS.includes(user));
    return { conversation, isPrivate: i % 2 === 1, users, targets };
  });
}

/** Waits until every message has a result and was delivered, or no client has received anything for a long time. */
async function settle(clients: readonly DeliveryClient[], operator: Operator): Promise<void> {
  let eventCount = 0;
  let silent = 0;
  await waitFor(() => {
    const newest = new Map<string, number>();
    for (const { record, newest: seen } of clients)
      newest.set(record.conversation, Math.max(newest.get(record.conversation) ?? 0, seen));
    const count = clients.reduce((sum, { record }) => sum + eventCountOf(record), 0);
    // A client that is away is silent because it waits, and may have named a long time for that.
    const areBack = clients.every(({ isOpen, record }) => isOpen || operator.isExcluded(record));
    silent = areBack && count === eventCount ? silent + 1 : 0;
    eventCount = count;
    return (
      silent > MAX_SILENT_POLLS ||
      clients.every((client) =>
        client.isSettled(newest.get(client.record.conversation) ?? 0, operator.isExcluded(client.record)),
      )
    );
  });
}

/** Without those that come again and again: a user who may not read probes until it may. */
function eventCountOf({ events }: DeliveryClient["record"]): number {
  return events.filter(({ kind }) => kind !== "out").length;
}

/**
 * Waits until every client saw the store's current epoch: in a room without posts, a node detects it with a delay.
 */
async function waitForEpoch(
  clients: readonly DeliveryClient[],
  stage: Topology,
  operator: Operator,
): Promise<void> {
  if (stage.storesLost === 0) return;
  const epochs = new Map<string, string>();
  for (const { record } of clients)
    if (!epochs.has(record.conversation))
      epochs.set(record.conversation, await epochOf(stage.url, record.conversation));
  const isUpToDate = ({ record }: DeliveryClient) =>
    isOut(record) || lastEpoch(record) === epochs.get(record.conversation);
  await waitFor(() => clients.every(isUpToDate));
  await settle(clients, operator);
}

function usersOf(clients: readonly DeliveryClient[], conversation: string): string[] {
  const members = clients.filter(({ record }) => record.conversation === conversation);
  return [...new Set(members.map(({ record }) => record.user))];
}
