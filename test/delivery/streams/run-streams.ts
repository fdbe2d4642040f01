import { Random } from "../../support/random.ts";
import { FaultProxy } from "../fault-proxy.ts";
import { type FaultOptions, injectFaults } from "../inject-faults.ts";
import { readConversation } from "../read-back.ts";
import { STEP_TIMEOUT_MS } from "../timeouts.ts";
import { openTopology, type ServerOptions, waitFor } from "../topology/open-topology.ts";
import { type Topology, tokenOf } from "../topology/topology.ts";
import { checkStreams, type StreamViolation } from "./check-streams.ts";
import { StreamReader } from "./stream-reader.ts";
import { StreamWriter } from "./stream-writer.ts";

export interface StreamRunOptions extends FaultOptions, ServerOptions {
  readonly seed: number;
  /** One writer in each. */
  readonly conversations: number;
  /** How long streams that were left behind may take to end, in milliseconds; a minute without it. */
  readonly patience?: number;
}

export interface StreamRunResult {
  readonly violations: readonly StreamViolation[];
  readonly streams: number;
  readonly interrupted: number;
  readonly takeovers: number;
  readonly rivals: number;
  readonly kills: number;
  readonly frames: number;
}

const POLL_INTERVAL_MS = 50;

const READER_KINDS = ["one", "user", "plain"] as const;

/** Writers and readers of streams on a bad network, with a server that is killed; then everything is compared. */
export async function runStreams(options: StreamRunOptions): Promise<StreamRunResult> {
  const random = new Random(options.seed);
  await using proxy = await FaultProxy.start();
  await using topology = await openTopology(options, proxy, random);
  const url = `ws://127.0.0.1:${proxy.port}`;
  const writers: StreamWriter[] = [];
  const readers: StreamReader[] = [];
  const mayLose = options.nodes !== undefined;
  const own = () => new Random(random.between(0, 2 ** 31));
  for (let i = 0; i < options.conversations; i++) {
    const conversation = `room-${i}`;
    const user = `writer-${i}`;
    writers.push(
      new StreamWriter({ user, conversation, url, token: await tokenOf(user), random: own(), mayLose }),
    );
    for (const kind of READER_KINDS) {
      const name = `${kind}-${i}`;
      const token = await tokenOf(name);
      readers.push(new StreamReader({ user: name, conversation, url, token, kind, random: own() }));
    }
  }
  try {
    for (const each of [...readers, ...writers]) each.start();
    await injectFaults(options, { random, proxy, topology }, () =>
      writers.reduce((sum, { finished }) => sum + finished, 0),
    );
    for (const each of [...readers, ...writers]) each.stopAbsences();
    for (const writer of writers) writer.stopWriting();
    await waitFor(() => writers.every(({ isSettled }) => isSettled));
    const written = writers.flatMap(({ records }) => records);
    const stored = await readStored(topology, options, written.length);
    const newest = new Map([...stored].map(([name, messages]) => [name, messages.at(-1)?.seq ?? 0]));
    await waitFor(() =>
      readers.every(({ newest: seen, conversation }) => seen >= (newest.get(conversation) ?? 0)),
    );
    const refusals = [...writers, ...readers].flatMap((each) => each.refusals);
    const records = readers.flatMap((reader) => reader.records);
    return {
      violations: [
        ...checkStreams({ written, readers: records, stored }),
        ...refusals.map((text) => ({ kind: "refused", text }) as const),
        ...topology.crashes.map((text) => ({ kind: "crash", text }) as const),
      ],
      streams: written.length,
      interrupted: [...stored.values()].flat().filter(({ stream }) => stream?.state === "interrupted").length,
      takeovers: written.reduce((sum, { turns }) => sum + Math.max(0, turns.length - 1), 0),
      rivals: writers.reduce((sum, { rivals }) => sum + rivals, 0),
      kills: topology.kills,
      frames: records.reduce((sum, { frames }) => sum + frames.length, 0),
    };
  } finally {
    for (const each of [...readers, ...writers]) each.end();
  }
}

/** The run in one line of figures, and a line for each of the first violations. */
export function streamReport({ violations, ...figures }: StreamRunResult, seed: number): string {
  const shown = violations.slice(0, 20).map(({ kind, text }) => `  ${kind}: ${text}`);
  const parts = Object.entries(figures).map(([name, figure]) => `${name} ${figure}`);
  return [`seed ${seed}: ${parts.join(", ")}, violations ${violations.length}`, ...shown].join("\n");
}

/** Reads all conversations, as soon as each stream has become a message: those that were left behind do after their lease (ST3). */
async function readStored(
  topology: Topology,
  { conversations, patience = STEP_TIMEOUT_MS }: StreamRunOptions,
  streams: number,
) {
  const stored = new Map<string, Awaited<ReturnType<typeof readConversation>>["messages"]>();
  const deadline = performance.now() + patience;
  for (;;) {
    for (let i = 0; i < conversations; i++) {
      const name = `room-${i}`;
      const users = [`writer-${i}`, ...READER_KINDS.map((kind) => `${kind}-${i}`)];
      stored.set(name, (await readConversation(topology.url, name, users)).messages);
    }
    const count = [...stored.values()].reduce((sum, messages) => sum + messages.length, 0);
    if (count >= streams || performance.now() > deadline) return stored;
    await Bun.sleep(POLL_INTERVAL_MS);
  }
}
