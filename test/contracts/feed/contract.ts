// The port for the feed (src/core/ports/feed/feed.ts) in executable form. An engine's own test file opens it and calls this.
import { describe } from "bun:test";
import { keepingContract } from "./keeping.ts";
import { kindsContract } from "./kinds.ts";
import { readingContract } from "./reading.ts";
import type { OpenFeed } from "./subject.ts";
import { unreadContract } from "./unread.ts";

/** Every MUST of the port for the feed. */
export function feedContract(name: string, open: OpenFeed): void {
  describe(`feed contract: ${name}`, () => {
    readingContract(open);
    kindsContract(open);
    keepingContract(open);
    unreadContract(open);
  });
}
