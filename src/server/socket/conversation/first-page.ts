import { countNewestThatFit } from "../../../core/conversation/resume.ts";
import type { Head, MessageLog } from "../../../core/ports/message-log.ts";
import type { Hub } from "./hub.ts";

/** The newest messages of a conversation, as a client that asks for them is shown them when it comes (MX7). */
export interface FirstPage {
  /** Encoded `message` frames, in the order of `seq`; the last one is the newest message of `head`, where any is kept. */
  readonly frames: readonly string[];
  /** Whether older messages are kept. */
  readonly more: boolean;
}

/**
 * Reads the newest `count` messages up to `head.seq`, without charging anybody; fewer where they are long. Undefined
 * when they cannot be read now.
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
    let next = hub.framesBetween(conversation, at, head.seq);
    if (next === undefined) {
      const page = await engine.page(conversation, at, head.seq, count);
      if (page === undefined) return undefined;
      // Retention has passed by meanwhile: what was kept before it is gone.
      if (page.length === 0) return { frames: [], more: false };
      const isPassed = page[0]!.seq !== at + 1;
      if (isPassed) [frames, more] = [[], false];
      at = page[0]!.seq - 1;
      next = hub.framesOf(conversation, page);
    }
    at += next.length;
    frames = [...frames, ...next];
    const fitting = countNewestThatFit(frames.map((frame) => Buffer.byteLength(frame)));
    if (fitting < frames.length) [frames, more] = [frames.slice(frames.length - fitting), true];
  }
  return { frames, more };
}
