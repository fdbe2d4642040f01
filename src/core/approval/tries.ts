// The requests of one sender in one conversation that wait for approval (AP1, AP2).
import type { Asked } from "./question.ts";

/** The most requests of a sender that wait in a conversation. The next one is refused as `busy` (MX2). */
export const MAX_WAITING = 16;

/** What a request asks about, by which two tries of one request are known. */
export interface Try {
  readonly type: Asked["type"];
  /** Undefined: the sender gave none, so no other request is a try of it. */
  readonly id: string | undefined;
  /** All else that the question is about, encoded. */
  readonly content: string;
}

/** Whether the answer for one request is that for the other. Another content under the same id is another question. */
export function isSameTry(a: Try | undefined, b: Try | undefined): boolean {
  return a?.id !== undefined && a.id === b?.id && a.type === b.type && a.content === b.content;
}
