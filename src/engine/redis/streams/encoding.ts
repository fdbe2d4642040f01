import type { DraftText } from "../../../core/ports/conversation/streams.ts";
import { decodeText } from "./operations.ts";

/** The values that lua/streams/read.lua replies for each stream. */
const VALUES_OF_DRAFT = 6;

/** A draft in the store. */
export interface StoredDraft {
  readonly draft: DraftText;
  /** Its message is stored, and an aborted script has left the draft: it is no open stream, and still has to be ended. */
  readonly hasMessage: boolean;
}

/** Returns the drafts that a script replied, the oldest first. */
export function decodeDrafts(conversation: string, reply: readonly (string | number)[]): StoredDraft[] {
  const drafts: StoredDraft[] = [];
  for (let i = 0; i < reply.length; i += VALUES_OF_DRAFT) {
    const [stream, header, n, data, text, seq] = reply.slice(i, i + VALUES_OF_DRAFT).map(String);
    // As `stream_header` of lua/streams/drafts.lua.
    const [generation, startedAt, , , , , replyTo, , , , from, id] = header!.split("\t");
    const draft = {
      ...{ conversation, stream: stream!, id: id!, from: from!, generation: Number(generation) },
      ...{ n: Number(n), text: decodeText(text!), at: Number(startedAt) },
      ...(data !== "" && { data: data! }),
      ...(replyTo !== "" && { replyTo: Number(replyTo) }),
    };
    drafts.push({ draft, hasMessage: seq !== "0" });
  }
  return drafts.sort(
    ({ draft: one }, { draft: other }) => one.at - other.at || (one.stream < other.stream ? -1 : 1),
  );
}

/** A handle: 72 random bits as 12 URL-safe characters. */
export function newHandle(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(9))).toString("base64url");
}
