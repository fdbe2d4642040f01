import { StreamSubject } from "../../../contracts/streams/stream-subject.ts";
import type { TestNode } from "./test-node.ts";

/** The streams of one of several nodes. The node is closed by the test, and not by what this returns. */
export function streamsOf({ engine }: TestNode): Promise<StreamSubject> {
  return StreamSubject.begin(async () => ({
    engine,
    reopen: async () => engine,
    clean: async () => {},
    close: async () => {},
    rowBytes: async () => 0,
    removeConversation: async () => {},
  }));
}
