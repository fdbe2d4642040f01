// What the operator's server is asked (AP1).
import { decodeContent } from "../changes/message-state.ts";

/** What a question is about. */
export type QuestionType = "message" | "edit" | "stream_start" | "stream_end" | "conversation" | "open";

/** The values of APPROVAL_FOR. `message`: messages, edits, streams, and titles and data of conversations. */
export type ApprovalScope = "message" | "open";

/** A message as a question shows it; `id` is the sender's. */
export interface AskedMessage {
  readonly id: string;
  readonly text: string;
  readonly data?: unknown;
  readonly reply_to?: number;
}

/** A question without the fields that the asking node adds. */
export interface Asked {
  readonly type: QuestionType;
  readonly conversation: string;
  readonly user: string;
  /** The message that is edited. */
  readonly seq?: number;
  /** Of a conversation that is made or changed: what is new. */
  readonly title?: string | null;
  readonly data?: unknown;
  readonly message?: AskedMessage;
}

/** A question as it is sent. `id` is its `webhook-id`; `at` in milliseconds since 1970. */
export interface Question extends Asked {
  readonly id: string;
  readonly at: number;
}

/** The message of a body, as a question shows it. */
export function askedMessage(id: string, body: string): AskedMessage {
  const { text, data, reply_to } = decodeContent(body);
  return {
    id,
    text,
    ...(data !== undefined && { data }),
    ...(reply_to !== undefined && { reply_to }),
  };
}
