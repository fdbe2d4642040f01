// Reads the record of a run and reports the broken promises. Pure, so that checker.test.ts can pass records that are
// wrong in one way each; delivery.test.ts shows that it also finds whole servers that break a promise.

import type { RunRecord } from "../record.ts";
import { checkClient } from "./check-client.ts";
import { inboxViolations, recounted } from "./check-inbox.ts";
import { memberViolations } from "./check-members.ts";
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
  /** Messages that clients had to receive, one for each client and message, and those that they received. */
  readonly expected: number;
  readonly delivered: number;
  readonly duplicates: number;
  readonly holes: number;
  readonly orderViolations: number;
  readonly lostAcks: number;
  /**
   * Acked messages lost with an earlier epoch of the store. Their clients saw the next epoch, or that is a violation.
   */
  readonly lostWithStore: number;
  /** Unread numbers that were recounted from the log, one for each item and place where the server shows it. */
  readonly recounted: number;
  readonly violations: readonly Violation[];
}

/** Everything about `record` that breaks a promise (D1–D5, Q2, P1, L2, MB2, MB3, MX3, IN1). */
export function checkRecord(record: RunRecord): Verdict {
  const walks = record.clients.map((client) => checkClient(client, record.stored.get(client.conversation)));
  const violations: Violation[] = [
    ...record.crashes.map((text): Violation => ({ kind: "crash", text })),
    ...storeViolations(record),
    ...walks.flatMap((walk) => walk.violations),
    ...ackViolations(record),
    ...epochViolations(record),
    ...chargeViolations(record),
    ...presenceViolations(record),
    ...memberViolations(record),
    ...inboxViolations(record),
  ];
  const count = (...kinds: ViolationKind[]) => violations.filter(({ kind }) => kinds.includes(kind)).length;
  return {
    expected: sum(walks.map(({ expected }) => expected)),
    delivered: sum(walks.map(({ delivered }) => delivered)),
    duplicates: count("duplicate"),
    holes: count("hole"),
    orderViolations: count("order", "ack_ahead"),
    lostAcks: count("lost_ack"),
    lostWithStore: lostWithStore(record),
    recounted: recounted(record),
    violations: rootCauses(violations),
  };
}

/** Where a store went back under the same epoch, every other violation of its conversation follows from that. */
function rootCauses(violations: readonly Violation[]): Violation[] {
  const restarted = new Set(
    violations.flatMap(({ kind, conversation }) => (kind === "epoch" ? conversation : [])),
  );
  return violations.filter(
    ({ kind, conversation }) =>
      kind === "epoch" || conversation === undefined || !restarted.has(conversation),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
