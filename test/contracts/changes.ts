// The port for changes (src/core/ports/conversation/changes.ts) in executable form. An engine's own test file opens it and calls this.
import { describe } from "bun:test";
import { announcingContract } from "./changes/announcing.ts";
import { belongingContract } from "./changes/belonging.ts";
import { decidingContract } from "./changes/deciding.ts";
import { foldingContract } from "./changes/folding.ts";
import type { OpenMembers } from "./members/subject.ts";

/** Every MUST of the port for changes. */
export function changesContract(name: string, open: OpenMembers): void {
  describe(`changes contract: ${name}`, () => {
    decidingContract(open);
    announcingContract(open);
    foldingContract(open);
    belongingContract(open);
  });
}
