// How the appends of a stream are collected before they are stored (ST5), and how they are bounded (ST6).
import type { ClientFrameOf } from "../../protocol/client-frames.ts";
import { MAX_APPENDS_PER_SECOND, MAX_OPEN_STREAMS } from "../../protocol/limits.ts";
import type { ConversationNews } from "../members/records.ts";
import { powerOf, rankOf, type Scene } from "../members/standing.ts";
import type {
  StreamAppend,
  StreamAppendEvent,
  StreamStart,
  StreamWriter,
} from "../ports/conversation/streams.ts";
import type { BurstRule } from "../session/flood-guard.ts";
import type { StreamRules } from "./draft.ts";

/** Appends are stored this often, in milliseconds … */
export const APPEND_INTERVAL_MS = 100;

/** … or as soon as so many bytes of text wait. */
export const APPEND_BATCH_BYTES = 4 * 1024;

/** The lease of a connected writer is renewed after this share of it. */
export const LEASE_SHARE = 1 / 3;

/** How long a node tries to store what a writer sent that is gone, in milliseconds. */
export const MAX_BATCH_AGE_AFTER_LOSS_MS = 10_000;

/** The guard against floods of appends, beside that of other frames. */
export const APPEND_BURST: BurstRule = { rate: MAX_APPENDS_PER_SECOND, size: 2 * MAX_APPENDS_PER_SECOND };

/** Whether the sender of a request may stop every stream of the conversation (ST4). */
export function moderatesStreams(scene: Pick<Scene, "view" | "actor">): boolean {
  const power = powerOf(scene);
  return power === "key" || rankOf(power) >= rankOf("moderator");
}

/** What a node has received of a stream: the newest append, and the bytes of its text, as JSON. */
export interface ReceivedText {
  readonly received: number;
  readonly bytes: number;
}

/** What to do with an append (ST2, ST6): take it, or answer that it is stored, does not follow, or is too much. */
export function considerAppend(
  { received, bytes }: ReceivedText,
  n: number,
  textBytes: number,
  maxBytes: number,
): "take" | "known" | "gap" | "too_large" {
  if (n <= received) return "known";
  if (n > received + 1) return "gap";
  return bytes + textBytes > maxBytes ? "too_large" : "take";
}

/** Who starts a stream, and what the store must check of that user, as for a post. */
export interface StreamStarter extends Pick<StreamStart, "conversation" | "user" | "limit"> {
  readonly rules: {
    readonly [Rule in "joins" | "exempt" | "mustExist"]?: StreamStart[Rule] | undefined;
  };
}

/** The start of a stream for the store. `request` is that of the client. */
export function startOf(
  { conversation, user, limit, rules: { joins, exempt, mustExist } }: StreamStarter,
  {
    id,
    data,
    reply_to: replyTo,
    restart,
    epoch,
  }: Omit<ClientFrameOf<"stream_start">, "type" | "conversation">,
): StreamStart {
  return {
    ...{ conversation, user, id, limit },
    ...(joins !== undefined && { joins }),
    ...(exempt === true && { exempt }),
    ...(mustExist === true && { mustExist }),
    ...(data !== undefined && { data: JSON.stringify(data) }),
    ...(replyTo !== undefined && { replyTo }),
    ...(restart === true && { restart }),
    ...(epoch !== undefined && { epoch }),
  };
}

/**
 * The appends of one request as readers are sent them, without those up to `shown`, which they have. Undefined where they
 * have all.
 */
export function shownAppends(
  { conversation, stream, generation }: StreamWriter,
  appends: readonly StreamAppend[],
  shown: number,
): StreamAppendEvent | undefined {
  const fresh = appends.filter(({ n }) => n > shown);
  const [first] = fresh;
  const last = fresh.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const data = fresh.findLast((append) => append.data !== undefined)?.data;
  return {
    ...{ type: "append", conversation, stream, generation, after: first.n - 1, n: last.n },
    text: fresh.map(({ text }) => text).join(""),
    ...(data !== undefined && { data }),
  };
}

/** A user who asks a stream to stop, and the users to whom it belongs. */
export interface CancelScene {
  readonly by: string;
  readonly moderates: boolean;
  readonly discard: boolean;
  readonly writer: string;
  /** The user whose message it answers, if it answers one. */
  readonly asker: string | undefined;
}

/** Whether a user may stop a stream; only the writer and moderators may discard it (ST4). */
export function mayCancel({ by, moderates, discard, writer, asker }: CancelScene): boolean {
  return moderates || by === writer || (!discard && by === asker);
}

/** The settings of streams, in seconds and bytes. */
export interface StreamSettings {
  readonly streamLease: number;
  readonly streamIdle: number;
  readonly streamMax: number;
  readonly maxStreamBytes: number;
}

/** The settings as the rules of drafts, in milliseconds. */
export function streamRulesOf(settings: StreamSettings): StreamRules {
  return {
    lease: settings.streamLease * 1000,
    idle: settings.streamIdle * 1000,
    max: settings.streamMax * 1000,
    maxBytes: settings.maxStreamBytes,
    maxOpen: MAX_OPEN_STREAMS,
  };
}

/** The users whose open streams in a conversation end at once, because of what has changed there (ST3). */
export function writersRefusedBy(news: readonly ConversationNews[]): string[] {
  return news.flatMap((one) =>
    one.type === "member" && (one.change === "banned" || one.change === "muted" || one.change === "removed")
      ? [one.user]
      : [],
  );
}
