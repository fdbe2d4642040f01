// Reads the record of a run and says which promises were broken. Pure, so that checker.test.ts can show it records that
// are wrong in one way each; that whole servers which break a promise are caught too is shown by delivery.test.ts.

import type { RunRecord } from "../record.ts";
import { checkClient } from "./check-client.ts";
import {
  ackViolations,
  chargeViolations,
  epochViolations,
  lostWithStore,
  presenceViolations,
  storeViolations,
} from "./check-store.ts";
import type { Violation, ViolationKind } from "./violation.ts";

export interface Verdict {
  /** Messages that clients had to be told, one for each client and message, and those that they were told. */
  readonly expected: number;
  readonly delivered: number;
  readonly duplicates: number;
  readonly holes: number;
  readonly orderViolations: number;
  readonly lostAcks: number;
  /** Acked messages that went with an earlier life of the store. Their clients were told of the next one, or that is a fault. */
  readonly lostWithStore: number;
  readonly violations: readonly Violation[];
}

/** Everything about `record` that breaks a promise (D1–D5, Q2, P1, L2). */
export function checkRecord(record: RunRecord): Verdict {
  const walks = record.clients.map((client) => checkClient(client, record.stored.get(client.conversation)));
  const faults: Violation[] = [
    ...record.crashes.map((text): Violation => ({ kind: "crash", text })),
    ...storeViolations(record),
    ...walks.flatMap((walk) => walk.faults),
    ...ackViolations(record),
    ...epochViolations(record),
    ...chargeViolations(record),
    ...presenceViolations(record),
  ];
  const count = (...kinds: ViolationKind[]) => faults.filter(({ kind }) => kinds.includes(kind)).length;
  return {
    expected: sum(walks.map(({ expected }) => expected)),
    delivered: sum(walks.map(({ delivered }) => delivered)),
    duplicates: count("duplicate"),
    holes: count("hole"),
    orderViolations: count("order", "ack_ahead"),
    lostAcks: count("lost_ack"),
    lostWithStore: lostWithStore(record),
    violations: rootCauses(faults),
  };
}

/** Where a store went back under the same epoch, whatever else is wrong with its conversation follows from that. */
function rootCauses(faults: readonly Violation[]): Violation[] {
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
