// The port for streams (src/core/ports/conversation/streams.ts) in executable form. An engine's own test file opens it and calls this.
import { describe } from "bun:test";
import type { OpenEngine } from "./engine/subject.ts";
import { endingContract } from "./streams/ending.ts";
import { writingContract } from "./streams/writing.ts";

/** Every MUST of the port for streams. The engine has the rules DEFAULT_STREAM_RULES. */
export function streamsContract(name: string, open: OpenEngine): void {
  describe(`streams contract: ${name}`, () => {
    writingContract(open);
    endingContract(open);
  });
}
