// The ports that an engine implements (MessageLog, Quotas, ReadMarks, Inboxes, StoreHealth in src/core/ports) in executable form.
// An engine's own test file opens it and calls this.
import { describe } from "bun:test";
import { deliveryContract } from "./engine/delivery.ts";
import { entriesContract } from "./engine/entries.ts";
import { historyContract } from "./engine/history.ts";
import { inboxContract } from "./engine/inbox.ts";
import { lifecycleContract } from "./engine/lifecycle.ts";
import { onceContract } from "./engine/once.ts";
import { quotaContract } from "./engine/quota.ts";
import { readMarksContract } from "./engine/read-marks.ts";
import { resumingContract } from "./engine/resuming.ts";
import { retentionContract } from "./engine/retention.ts";
import type { OpenEngine } from "./engine/subject.ts";
import { subscribingContract } from "./engine/subscribing.ts";

/** Every MUST of the engine port, as tests that carry the id of the rule in docs/PROTOCOL.md which depends on it. */
export function engineContract(name: string, open: OpenEngine): void {
  describe(`engine contract: ${name}`, () => {
    describe("MessageLog", () => {
      deliveryContract(open);
      entriesContract(open);
      onceContract(open);
      historyContract(open);
      subscribingContract(open);
      resumingContract(open);
      retentionContract(open);
    });
    describe("Quotas", () => quotaContract(open));
    describe("ReadMarks", () => readMarksContract(open));
    describe("Inboxes", () => inboxContract(open));
    describe("StoreHealth", () => lifecycleContract(open));
  });
}
