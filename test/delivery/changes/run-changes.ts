import { TestClient } from "../../support/clients/test-client.ts";
import { Random } from "../../support/random.ts";
import { FaultProxy } from "../fault-proxy.ts";
import { type FaultOptions, injectFaults } from "../inject-faults.ts";
import { operatorToken } from "../membership/operator-api.ts";
import { retried } from "../read-back.ts";
import { openTopology, type ServerOptions, waitFor } from "../topology/open-topology.ts";
import { REDIS_FAULTS } from "../topology/redis-faults.ts";
import { type Topology, tokenOf } from "../topology/topology.ts";
import type { HeldMessage } from "./change-record.ts";
import { ChangingClient } from "./changing-client.ts";
import { type ChangeViolation, checkChanges, checkHeld, type StoredChanges } from "./check-changes.ts";

export interface ChangeRunOptions extends FaultOptions, ServerOptions {
  readonly seed: number;
  readonly conversations: number;
  readonly clients: number;
  /** How long clients may take to see the last change, in milliseconds; a minute without it. */
  readonly patience?: number;
}

export interface ChangeRunResult {
  readonly violations: readonly ChangeViolation[];
  readonly messages: number;
  readonly changes: number;
  readonly erased: number;
  /** Changes that were answered as made before. */
  readonly repeats: number;
  readonly kills: number;
}

/** Clients change messages over a bad network on a server that is killed; then what they hold is compared with the store. */
export async function runChanges(options: ChangeRunOptions): Promise<ChangeRunResult> {
  const random = new Random(options.seed);
  await using proxy = await FaultProxy.start();
  await using topology = await openTopology(options, proxy, random);
  const clients: ChangingClient[] = [];
  const loses = options.nodes !== undefined && REDIS_FAULTS[options.nodes.fault].loses;
  for (let i = 0; i < options.clients; i++) {
    const conversation = `room-${i % options.conversations}`;
    // Two clients of a conversation are one user, one of them on the socket of a user.
    const member = Math.floor(i / options.conversations);
    const user = `user-${member >> 1}`;
    const own = new Random(random.between(0, 2 ** 31));
    const token = await tokenOf(user);
    const url = `ws://127.0.0.1:${proxy.port}`;
    clients.push(
      new ChangingClient({ user, conversation, url, token, isUser: member % 2 === 1, loses, random: own }),
    );
  }
  const answers = () => clients.flatMap((client) => client.answers);
  try {
    for (const client of clients) client.start();
    await injectFaults(options, { random, proxy, topology }, () => answers().length);
    for (const client of clients) client.stopAbsences();
    for (const client of clients) client.stopAsking();
    await waitFor(() => clients.every(({ isSettled }) => isSettled));
    const stored = new Map<string, StoredChanges>();
    for (let i = 0; i < options.conversations; i++)
      stored.set(`room-${i}`, await retried(() => readChanges(topology, `room-${i}`)));
    // A client that holds no message of the newest changes never sees their `rev`, so the messages are compared.
    const hasAll = (client: ChangingClient) => {
      const { messages } = stored.get(client.conversation)!;
      const bySeq = new Map(messages.map((message) => [message.seq, message]));
      return client.hasSeen(messages.at(-1)?.seq ?? 0) && checkHeld(client.record, bySeq).length === 0;
    };
    await waitFor(() => clients.every(hasAll), options.patience);
    const made = answers();
    return {
      violations: [
        ...checkChanges(
          clients.map(({ record }) => record),
          stored,
        ),
        ...clients.flatMap(({ refusals }) => refusals.map((text) => ({ kind: "refused", text }) as const)),
        ...topology.crashes.map((text) => ({ kind: "crash", text }) as const),
      ],
      messages: [...stored.values()].reduce((sum, { messages }) => sum + messages.length, 0),
      changes: made.filter(({ rev, duplicate }) => rev !== undefined && !duplicate).length,
      erased: [...stored.values()].flatMap(({ messages }) => messages).filter(({ erased }) => erased).length,
      repeats: made.filter(({ rev, duplicate }) => rev !== undefined && duplicate).length,
      kills: topology.kills,
    };
  } finally {
    for (const client of clients) client.end();
  }
}

/** The run in one line of figures, and a line for each of the first violations. */
export function changeReport({ violations, ...figures }: ChangeRunResult, seed: number): string {
  const shown = violations.slice(0, 20).map(({ kind, text }) => `  ${kind}: ${text}`);
  const parts = Object.entries(figures).map(([name, figure]) => `${name} ${figure}`);
  return [`seed ${seed}: ${parts.join(", ")}, violations ${violations.length}`, ...shown].join("\n");
}

async function readChanges(topology: Topology, conversation: string): Promise<StoredChanges> {
  const address = `${topology.url.replace(/^http/, "ws")}/ws/operator/${conversation}?token=${await operatorToken()}`;
  await using client = await TestClient.connect(address);
  const { seq, rev, epoch } = client.of("welcome")[0]!;
  const messages: HeldMessage[] = [];
  for (let more = seq > 0; more; ) {
    client.send({ type: "history", after: messages.at(-1)?.seq ?? 0, limit: 200 });
    const page = await client.next("history");
    messages.push(...page.messages);
    more = page.more && page.messages.length > 0;
  }
  return { messages, rev, epoch };
}
