// The message that a rejected stream becomes (AP4).
import { decodeContent } from "../changes/message-state.ts";
import type { Rejected } from "../ports/message-log.ts";

/** By whom the message of a rejected stream was erased. */
export const APPROVAL = "approval";

/** Returns the result of a stream by the body of its message; undefined where it was not rejected. */
export function rejectionIn(body: string): Rejected | undefined {
  if (!body.includes('"state":"rejected"}')) return undefined;
  const { erased, stream } = decodeContent(body);
  if (stream?.state !== "rejected") return undefined;
  const reason = erased?.reason;
  return { outcome: "rejected", ...(reason !== undefined && { reason }) };
}
