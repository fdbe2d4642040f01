// The data of the charts, by second, counted from frames. Pure: times are arguments.
import { nearestRank } from "../../../protocol/nearest-rank.ts";
import type { Frame } from "../../wire/frame.ts";

/** Number of seconds that are kept. */
export const MAX_SAMPLES_S = 900;

/** Most ack times kept per client and second; further ones are ignored. */
const MAX_ACKS = 500;

/** The counts of one client in one second. */
interface Second {
  sent: number;
  received: number;
  /** Milliseconds. */
  readonly acks: number[];
  /** The largest number of unsent bytes. */
  unsent: number;
  /** The remaining quota at the end of the second; undefined if unknown. */
  quota: number | undefined;
}

/** A value for each second; null if there is none. */
export type SampleValues = readonly (number | null)[];

/** The values of a range of seconds. */
export interface SampleColumns {
  /** The start of each second, in seconds since 1970. */
  readonly times: readonly number[];
  readonly sent: SampleValues;
  readonly received: SampleValues;
  /** Ack times in milliseconds, by percentile. */
  readonly p50: SampleValues;
  readonly p95: SampleValues;
  readonly p99: SampleValues;
  /** All ack times, in ascending order. */
  readonly acks: readonly number[];
  readonly unsent: SampleValues;
  /** The remaining quota by client; null for seconds before the client connected. */
  readonly quota: ReadonlyMap<string, SampleValues>;
}

/** Collects samples. */
export interface Samples {
  note(frame: Frame): void;
  /** Adds a measurement of `client` at `at`, in milliseconds since 1970. */
  measure(client: string, at: number, values: { readonly unsent: number; readonly quota?: number }): void;
  /** Returns the seconds from `from` (included) to `to` (excluded), summed over `clients`. */
  read(clients: readonly string[], from: number, to: number): SampleColumns;
  clear(): void;
}

export function createSamples(): Samples {
  /** By second and client; only seconds with events. */
  let seconds = new Map<number, Map<string, Second>>();
  /** The last quota of each client, which applies until the next one, and its second. */
  let quotas = new Map<string, { readonly quota: number; readonly at: number }>();

  function at(time: number, client: string): Second {
    const second = Math.floor(time / 1000);
    let clients = seconds.get(second);
    if (clients === undefined) {
      clients = new Map();
      seconds.set(second, clients);
      for (const old of seconds.keys()) if (old <= second - MAX_SAMPLES_S) seconds.delete(old);
    }
    let entry = clients.get(client);
    if (entry === undefined) {
      entry = { sent: 0, received: 0, acks: [], unsent: 0, quota: undefined };
      clients.set(client, entry);
    }
    return entry;
  }

  /** Returns the last known remaining quota of `client` at the end of each of `times`. */
  function quotasOf(client: string, times: readonly number[]): SampleValues {
    const [first = 0] = times;
    let left: number | null = null;
    for (let second = first - MAX_SAMPLES_S; second < first; second++) left = quotaIn(second, client) ?? left;
    return times.map((time) => {
      left = quotaIn(time, client) ?? left;
      return left;
    });
  }

  function quotaIn(second: number, client: string): number | undefined {
    return seconds.get(second)?.get(client)?.quota;
  }

  return {
    note({ client, at: time, direction, type, annotations }) {
      if (type === "message" && direction === "out") at(time, client).sent++;
      if (type === "message" && direction === "in") at(time, client).received++;
      if (type !== "ack" || direction !== "in" || annotations.roundTrip === undefined) return;
      const { acks } = at(time, client);
      if (acks.length < MAX_ACKS) acks.push(annotations.roundTrip);
    },
    measure(client, time, { unsent, quota }) {
      if (unsent > 0) {
        const second = at(time, client);
        second.unsent = Math.max(second.unsent, unsent);
      }
      if (quota === undefined) return;
      const last = quotas.get(client);
      // Copied forward before the old second is dropped.
      if (last?.quota === quota && time - last.at < (MAX_SAMPLES_S * 1000) / 2) return;
      quotas.set(client, { quota, at: time });
      at(time, client).quota = quota;
    },
    read(clients, from, to) {
      const times = Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n);
      const each = times.map((time) => {
        const here = seconds.get(time);
        return here === undefined ? [] : clients.flatMap((client) => here.get(client) ?? []);
      });
      const sum = (value: (second: Second) => number) =>
        each.map((second) => second.reduce((total, one) => total + value(one), 0));
      const acks = each.map((second) => second.flatMap((one) => one.acks).sort(rising));
      const percentiles = (part: number) => acks.map((sorted) => nearestRank(sorted, part) ?? null);
      return {
        times,
        sent: sum(({ sent }) => sent),
        received: sum(({ received }) => received),
        p50: percentiles(0.5),
        p95: percentiles(0.95),
        p99: percentiles(0.99),
        acks: acks.flat().sort(rising),
        unsent: sum(({ unsent }) => unsent),
        quota: new Map(clients.map((client) => [client, quotasOf(client, times)])),
      };
    },
    clear() {
      seconds = new Map();
      quotas = new Map();
    },
  };
}

function rising(a: number, b: number): number {
  return a - b;
}
