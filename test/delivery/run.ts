import { rmSync } from "node:fs";
import { join } from "node:path";
import { signToken } from "../../src/server/authentication/tokens.ts";
import { ParleyFolder, type Running } from "../cli/parley.ts";
import { TestClient } from "../support/client.ts";
import { Random } from "../support/random.ts";
import { TEST_SECRET, testKeys } from "../support/tokens.ts";
import { check, type Verdict } from "./checker.ts";
import { type DeliveryClient, type Pace, WireClient } from "./client.ts";
import { FaultProxy, type LineFault } from "./fault-proxy.ts";
import { LibraryClient } from "./library-client.ts";
import type { StoredConversation } from "./record.ts";

export interface RunOptions {
  readonly seed: number;
  readonly clients: number;
  /** How long the clients talk; the run ends when all is answered and heard after that. */
  readonly seconds: number;
  /** How often, in that time, the server is killed with -9, is told to stop, and a line is cut. */
  readonly kills: number;
  readonly drains: number;
  readonly cuts: number;
  readonly pace: Pace;
  /** Makes every second client of the library; without it, all are made of the wire alone. */
  readonly library?: boolean;
  /** How many of the kills take the store along, as a broken disk would. */
  readonly losses?: number;
  /** Newest messages that a conversation keeps; all without it. */
  readonly retention?: number;
  /** The program that is the server; the command line itself without it. */
  readonly program?: string;
  readonly programArguments?: string[];
}

export interface RunResult {
  readonly options: RunOptions;
  readonly verdict: Verdict;
  readonly messages: number;
  readonly repeats: number;
  readonly reconnects: number;
  readonly kills: number;
  readonly drains: number;
  readonly cuts: Readonly<Record<Cut, number>>;
}

/** Faults that cost a client its line, or may. */
type Cut = Exclude<LineFault, "delay">;

/** Hours' quota that no run reaches, so that every message is charged and none refused. */
const LIMIT = 1_000_000;

const environment = ({ retention }: RunOptions) => ({
  SECRET_KEY: TEST_SECRET,
  PLANS: `free:${LIMIT}:0`,
  BURST_RATE: "0",
  DEMO_ACCOUNTS: "false",
  LOG_LEVEL: "error",
  // A half-open line is a ghost until the server has found out.
  PING_INTERVAL: "1",
  PONG_TIMEOUT: "1",
  DRAIN_SECONDS: "1",
  ...(retention !== undefined && { RETENTION_MESSAGES: String(retention) }),
});

const CLIENTS_IN_A_CONVERSATION = 6;

/** Seconds for a restart, so that kills do not fall on a server that is not there. */
const RESTART = 0.7;

/** How long the last answers may take, and after how long without any nothing more is waited for, in milliseconds. */
const PATIENCE = 20_000;
const SILENCE = 4_000;
const LOOK = 20;

/** How long the server may take to see who is gone, in milliseconds: pings, and the grace of those who come back. */
const PRESENCE_PATIENCE = 15_000;

/** Milliseconds that a stall lasts (the longest outlive a client's patience), and a delay is. */
const STALL = [100, 2_500] as const;
const DELAY = [5, 60] as const;

/** One run: clients talk through a bad network to a server that is killed and stopped; then all is compared. */
export async function run(options: RunOptions): Promise<RunResult> {
  const random = new Random(options.seed);
  await using folder = new ParleyFolder(options.program);
  await using proxy = await FaultProxy.start();
  const stage = new Stage(folder, proxy, options);
  await stage.open();
  const clients = await makeClients(options, `ws://127.0.0.1:${proxy.port}`, random);
  for (const client of clients) client.start();

  const cuts: Record<Cut, number> = { reset: 0, "half-open": 0, stall: 0 };
  for (const { at, what } of schedule(options, random)) {
    await Bun.sleep(Math.max(0, at - stage.elapsed()));
    if (what === "kill") await stage.kill();
    else if (what === "drain") await stage.drain();
    else {
      const hit = disturb(proxy, random);
      if (hit !== undefined) cuts[hit]++;
    }
  }
  await Bun.sleep(Math.max(0, options.seconds * 1000 - stage.elapsed()));

  for (const client of clients) client.quiet();
  const url = stage.url;
  await settle(clients);
  const connected = clients.filter(() => random.next() < 0.5);
  for (const client of clients) if (!connected.includes(client)) client.leave();
  const stored = new Map<string, StoredConversation>();
  const users = [...new Set(clients.map(({ record }) => record.user))];
  for (const conversation of new Set(clients.map(({ record }) => record.conversation)))
    stored.set(conversation, await readConversation(url, conversation, usersOf(connected, conversation)));
  const charged = new Map<string, number>();
  for (const user of users) charged.set(user, await chargedTo(url, user));
  for (const client of clients) client.leave();

  const records = clients.map(({ record }) => record);
  return {
    options,
    verdict: check({
      clients: records,
      stored,
      charged,
      storesLost: options.losses ?? 0,
      retention: options.retention !== undefined,
      crashes: stage.crashes,
    }),
    messages: [...stored.values()].reduce((sum, { messages }) => sum + messages.length, 0),
    repeats: clients.reduce((sum, { repeats }) => sum + repeats, 0),
    reconnects: clients.reduce((sum, { connections }) => sum + Math.max(0, connections - 1), 0),
    kills: stage.kills,
    drains: stage.drains,
    cuts,
  };
}

/** The server on its folder, behind the proxy. */
class Stage {
  kills = 0;
  drains = 0;
  readonly crashes: string[] = [];
  private server: Running | undefined;
  private openedAt = 0;

  constructor(
    private readonly folder: ParleyFolder,
    private readonly proxy: FaultProxy,
    private readonly options: RunOptions,
  ) {}

  get url(): string {
    return this.server?.url ?? "";
  }

  /** Milliseconds since the server was opened for the first time. */
  elapsed(): number {
    return performance.now() - this.openedAt;
  }

  async open(): Promise<void> {
    const server = await this.folder.serve(this.options.programArguments, environment(this.options));
    this.server = server;
    this.proxy.target = Number(new URL(server.url).port);
    if (this.openedAt === 0) this.openedAt = performance.now();
  }

  async kill(): Promise<void> {
    const { signalCode, exitCode } = await this.end("SIGKILL");
    if (signalCode !== "SIGKILL") this.crashes.push(`the server ended with ${exitCode} before it was killed`);
    if (this.kills++ < (this.options.losses ?? 0))
      rmSync(join(this.folder.path, "data"), { recursive: true });
    await this.open();
  }

  async drain(): Promise<void> {
    const { exitCode } = await this.end("SIGTERM");
    if (exitCode !== 0) this.crashes.push(`the server ended with ${exitCode} at SIGTERM`);
    this.drains++;
    await this.open();
  }

  private async end(signal: "SIGKILL" | "SIGTERM"): Promise<Running["process"]> {
    const { process } = this.server!;
    process.kill(signal);
    await process.exited;
    this.proxy.target = undefined;
    return process;
  }
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

function tokenOf(subject: string): Promise<string> {
  return signToken(testKeys(), { subject, now: Date.now() });
}

/** When what happens, in milliseconds from the start; ends of the server are far enough apart for a restart. */
function schedule(
  { seconds, kills, drains, cuts }: RunOptions,
  random: Random,
): { at: number; what: "kill" | "drain" | "cut" }[] {
  const ends: ("kill" | "drain")[] = [
    ...Array<"kill">(kills).fill("kill"),
    ...Array<"drain">(drains).fill("drain"),
  ];
  const share = (seconds * 1000) / Math.max(1, ends.length);
  const shuffled = ends.map((what) => ({ what, key: random.next() })).sort((a, b) => a.key - b.key);
  const free = Math.max(0, share - RESTART * 1000);
  const at = (i: number) => i * share + RESTART * 500 + random.next() * free;
  return [
    ...shuffled.map(({ what }, i) => ({ at: at(i), what })),
    ...Array.from({ length: cuts }, () => ({ at: random.next() * seconds * 1000, what: "cut" as const })),
  ].sort((a, b) => a.at - b.at);
}

/** Does something to one sound line, and often a delay to another; answers the cut. */
function disturb(proxy: FaultProxy, random: Random): Cut | undefined {
  const sound = [...proxy.lines].filter((line) => line.sound);
  if (sound.length === 0) return undefined;
  const cut = random.pick(["reset", "reset", "half-open", "stall"] as const);
  random.pick(sound).suffer(cut, random.between(...STALL));
  const left = sound.filter((line) => line.sound);
  if (left.length > 0 && random.next() < 0.5) random.pick(left).suffer("delay", random.between(...DELAY));
  return cut;
}

/** Waits until everything said is answered and heard, or nobody has heard anything for so long that it never will be. */
async function settle(clients: readonly DeliveryClient[]): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  const told = () => clients.reduce((sum, { record }) => sum + record.events.length, 0);
  let count = -1;
  let since = performance.now();
  while (performance.now() < deadline && performance.now() - since < SILENCE) {
    const newest = new Map<string, number>();
    for (const { record, newest: told } of clients)
      newest.set(record.conversation, Math.max(newest.get(record.conversation) ?? 0, told));
    if (clients.every((client) => client.settled(newest.get(client.record.conversation) ?? 0))) return;
    if (told() !== count) since = performance.now();
    count = told();
    await Bun.sleep(LOOK);
  }
}

function usersOf(clients: readonly DeliveryClient[], conversation: string): string[] {
  const here = clients.filter(({ record }) => record.conversation === conversation);
  return [...new Set(here.map(({ record }) => record.user))];
}

/** A conversation from the first message to the newest, with its members as soon as they are the connected users. */
async function readConversation(
  url: string,
  conversation: string,
  connected: readonly string[],
): Promise<StoredConversation> {
  const address = `${url.replace(/^http/, "ws")}/ws/reader/${conversation}?token=${await tokenOf("reader")}`;
  const deadline = performance.now() + PRESENCE_PATIENCE;
  for (;;) {
    await using client = await TestClient.connect(address);
    const { epoch, seq, members } = client.of("welcome")[0]!;
    const told = members.map(({ user }) => user).filter((user) => user !== "reader");
    const agreed = told.length === connected.length && told.every((user) => connected.includes(user));
    if (!agreed && performance.now() < deadline) {
      await Bun.sleep(LOOK * 10);
      continue;
    }
    const messages: StoredConversation["messages"][number][] = [];
    for (let more = seq > 0; more; ) {
      client.send({ type: "history", after: messages.at(-1)?.seq ?? 0, limit: 200 });
      const page = await client.next("history");
      messages.push(...page.messages);
      more = page.more && page.messages.length > 0;
    }
    return { epoch, messages, members: told, connected };
  }
}

/** What was charged to a user within the hour. */
async function chargedTo(url: string, user: string): Promise<number> {
  const headers = { Authorization: `Bearer ${await tokenOf(user)}` };
  const answer = await fetch(`${url}/me`, { headers });
  const { quota } = (await answer.json()) as { quota: { limit: number; remaining: number } };
  return quota.limit - quota.remaining;
}
