import type { StreamName } from "../../core/ports/conversation/streams.ts";

/** The name of a stream as one text. No conversation's name contains a `/`. */
export function streamKey({ conversation, stream }: StreamName): string {
  return `${conversation}/${stream}`;
}
