// The port for streams (src/core/ports/conversation/streams.ts) in executable form. An engine's own test file opens it and calls this.
import { describe } from "bun:test";
import { approvingContract } from "./streams/approving.ts";
import { endingContract } from "./streams/ending.ts";
import { namesContract } from "./streams/names.ts";
import { racingContract } from "./streams/racing.ts";
import { randomContract } from "./streams/random.ts";
import type { OpenStreams } from "./streams/stream-subject.ts";
import { writingContract } from "./streams/writing.ts";

/** Every MUST of the port for streams. The engine has the rules DEFAULT_STREAM_RULES. */
export function streamsContract(name: string, open: OpenStreams): void {
  describe(`streams contract: ${name}`, () => {
    writingContract(open);
    endingContract(open);
    racingContract(open);
    randomContract(open);
    namesContract(open);
    approvingContract(open);
  });
}
