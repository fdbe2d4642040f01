// Reads the record of a run and says which promises were broken. Pure, so that checker.test.ts can show it records that
// are wrong in one way each; that whole servers which break a promise are caught too is shown by delivery.test.ts.
import { walk } from "./client-walk.ts";
import type { Fault, FaultKind } from "./fault.ts";
import type { RunRecord } from "./record.ts";
import {
  ackFaults,
  chargeFaults,
  epochFaults,
  lostWithStore,
  presenceFaults,
  storeFaults,
} from "./store-faults.ts";

export interface Verdict {
  /** Messages that clients had to be told, one for each client and message, and those that they were told. */
  readonly expected: number;
  readonly delivered: number;
  readonly duplicates: number;
  readonly holes: number;
  readonly orderFaults: number;
  readonly lostAcks: number;
  /** Acked messages that went with an earlier life of the store. Their clients were told of the next one, or that is a fault. */
  readonly lostWithStore: number;
  readonly faults: readonly Fault[];
}

/** Everything about `record` that breaks a promise (D1–D5, Q2, P1, L2). */
export function check(record: RunRecord): Verdict {
  const walks = record.clients.map((client) => walk(client, record.stored.get(client.conversation)));
  const faults: Fault[] = [
    ...record.crashes.map((text): Fault => ({ kind: "crash", text })),
    ...storeFaults(record),
    ...walks.flatMap((walk) => walk.faults),
    ...ackFaults(record),
    ...epochFaults(record),
    ...chargeFaults(record),
    ...presenceFaults(record),
  ];
  const count = (...kinds: FaultKind[]) => faults.filter(({ kind }) => kinds.includes(kind)).length;
  return {
    expected: sum(walks.map(({ expected }) => expected)),
    delivered: sum(walks.map(({ delivered }) => delivered)),
    duplicates: count("duplicate"),
    holes: count("hole"),
    orderFaults: count("order", "ack_ahead"),
    lostAcks: count("lost_ack"),
    lostWithStore: lostWithStore(record),
    faults: causes(faults),
  };
}

/** Where a store went back under the same epoch, whatever else is wrong with its conversation follows from that. */
function causes(faults: readonly Fault[]): Fault[] {
  const restarted = new Set(
    faults.flatMap(({ kind, conversation }) => (kind === "epoch" ? conversation : [])),
  );
  return faults.filter(
    ({ kind, conversation }) =>
      kind === "epoch" || conversation === undefined || !restarted.has(conversation),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
