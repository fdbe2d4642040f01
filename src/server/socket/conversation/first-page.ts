import { countNewestThatFit } from "../../../core/conversation/resume.ts";
import type { Head, MessageLog } from "../../../core/ports/message-log.ts";
import type { Hub } from "./hub.ts";

/** The newest messages of a conversation, for a joining client that requests them with `last` (MX7). */
export interface FirstPage {
  /** Encoded `message` frames, in the order of `seq`. The last one is the newest message of `head`, if any is kept. */
  readonly frames: readonly string[];
  /** Whether older messages are kept. */
  readonly more: boolean;
}

/**
 * Reads the newest `count` messages up to `head.seq` without a charge; fewer where they are long. Returns undefined when the
 * store cannot be read now.
 */
export async function readFirstPage(
  { engine, hub }: { readonly engine: Pick<MessageLog, "page">; readonly hub: Hub },
  conversation: string,
  head: Head,
  count: number,
): Promise<FirstPage | undefined> {
  const from = Math.max(head.first - 1, head.seq - count);
  let frames: readonly string[] = [];
  let more = from >= head.first;
  for (let at = from; at < head.seq; ) {
    const room = hub.find(conversation);
    let next: readonly string[] | undefined = room?.framesAfter(at)?.slice(0, head.seq - at);
    if (next === undefined) {
      const rev = room?.rev ?? 0;
      const page = await engine.page(conversation, at, head.seq, count);
      if (page === undefined) return undefined;
      // Retention has removed the messages since `head` was read.
      if (page.length === 0) return { frames: [], more: false };
      const isPassed = page[0]!.seq !== at + 1;
      if (isPassed) [frames, more] = [[], false];
      at = page[0]!.seq - 1;
      next = hub.framesOf(conversation, page, rev);
    }
    at += next.length;
    frames = [...frames, ...next];
    const fitting = countNewestThatFit(frames.map((frame) => Buffer.byteLength(frame)));
    if (fitting < frames.length) [frames, more] = [frames.slice(frames.length - fitting), true];
  }
  return { frames, more };
}
