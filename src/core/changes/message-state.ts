// What changes have made of a message: its content without them, and their sum. The engines store the two apart, because most
// messages are never changed.
import type { ReactionSummary } from "../../protocol/frames/change-frames.ts";

/** The reactions of a message by name, in the order in which they were first given. */
export type Reactions = Readonly<Record<string, ReactionSummary>>;

/** The reactions of one user, by the `seq` of the message. Messages without any are missing. */
export type OwnReactions = ReadonlyMap<number, readonly string[]>;

/** Who took the content out of a message, and when. `person`: its sender was erased, and the message has neither sender nor id. */
export interface MessageErasure {
  readonly by: string;
  readonly at: number;
  readonly reason?: string;
  readonly person?: true;
}

/** The sum of a message's changes. */
export interface ChangeState {
  /** The newest change. */
  readonly rev: number;
  readonly edited?: { readonly at: number; readonly rev: number };
  readonly erased?: MessageErasure;
  readonly reactions?: Reactions;
}

/** The fields that a message's body can have (src/core/conversation/entry.ts). */
export interface MessageContent {
  readonly text: string;
  readonly data?: unknown;
  readonly reply_to?: number;
  readonly stream?: { readonly stream: string; readonly state: string };
  /** Of a stream that was discarded. */
  readonly erased?: MessageErasure;
}

/** Reads the content of a body without changes. */
export function decodeContent(body: string): MessageContent {
  return JSON.parse(`{${body}}`) as MessageContent;
}

/** Encodes content as a body without changes, as core/conversation/entry.ts does. */
export function encodeContent({ text, data, reply_to, stream }: MessageContent): string {
  let body = `"text":${JSON.stringify(text)}`;
  if (data !== undefined) body += `,"data":${JSON.stringify(data)}`;
  if (reply_to !== undefined) body += `,"reply_to":${reply_to}`;
  return stream === undefined ? body : `${body},"stream":${JSON.stringify(stream)}`;
}

/** Encodes what an erasure leaves of a message: what it answers, and the stream that it came from. */
export function encodeErased({ reply_to, stream }: MessageContent): string {
  return encodeContent({
    text: "",
    ...(reply_to !== undefined && { reply_to }),
    ...(stream !== undefined && { stream }),
  });
}

/**
 * The sum of a message's changes as it stands in a body, after the content; an engine stores it in this form, so that reading puts
 * two texts together.
 */
export function encodeState({ rev, edited, erased, reactions }: ChangeState): string {
  let state = `,"rev":${rev}`;
  if (edited !== undefined) state += `,"edited":${JSON.stringify(edited)}`;
  if (erased !== undefined) state += `,"erased":${JSON.stringify(erased)}`;
  return reactions === undefined ? state : `${state},"reactions":${JSON.stringify(reactions)}`;
}

/** Reads what `encodeState` has written. */
export function decodeState(state: string): ChangeState {
  return JSON.parse(`{${state.slice(1)}}`) as ChangeState;
}

/** Whether the state of a message, encoded, says that its sender was erased. In texts of users quotes are escaped. */
export function hasErasedSender(state: string): boolean {
  return state.includes(',"person":true}');
}

/** The body of a message as it is now: its content, and after it what changes have made of it. */
export function presentBody(body: string, state: ChangeState | undefined): string {
  return state === undefined ? body : body + encodeState(state);
}
