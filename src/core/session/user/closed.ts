// The frames by which the server ends or refuses one conversation on the socket of a user.
import type { ErrorCode } from "../../../protocol/errors.ts";
import type { ServerFrameOf } from "../../../protocol/server-frames.ts";
import type { CloseReason } from "../close-reason.ts";

/** A frame without its conversation, which server/socket adds. */
type Unnamed<T> = Omit<T, "conversation">;

type ClosedCode = NonNullable<ServerFrameOf<"closed">["code"]>;

const CLOSED_CODES: ReadonlySet<string> = new Set<ClosedCode>([
  "forbidden",
  "banned",
  "removed",
  "behind",
  "new_epoch",
]);

/** How long a client waits before it opens a conversation again that was closed as `behind`, in seconds. */
export const BEHIND_RETRY_S = 1;

const UNAVAILABLE_RETRY_S = 1;

const BEHIND =
  "Messages came faster than they were read, or could not be read from the store. Open it again, with `after`.";
const NEW_EPOCH = "The store has lost messages. Open the conversation again.";

/** The reason on the socket of a user for what ends a socket of one conversation. */
function reasonOf({ code, error, reason, retryAfter }: CloseReason): {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfter: number | undefined;
  readonly until?: number;
  readonly reason?: string;
} {
  if (error?.code === "unavailable") return { ...error, retryAfter: retryAfter ?? UNAVAILABLE_RETRY_S };
  if (error !== undefined) return { ...error, retryAfter };
  if (code === 1012) return { code: "new_epoch", message: NEW_EPOCH, retryAfter: retryAfter ?? 0 };
  if (code === 1013) return { code: "behind", message: BEHIND, retryAfter: retryAfter ?? BEHIND_RETRY_S };
  return { code: "forbidden", message: reason, retryAfter };
}

/** The `closed` frame: for a request of the client without an ending, else for what the server ends. */
export function closedFrame(ending?: CloseReason): ServerFrameOf<"closed"> {
  const frame: Unnamed<ServerFrameOf<"closed">> = { type: "closed" };
  if (ending === undefined) return frame as ServerFrameOf<"closed">;
  const { code, message, retryAfter, until } = reasonOf(ending);
  return {
    ...frame,
    // `unavailable` and `busy` end a conversation only while it catches up: open it again.
    code: CLOSED_CODES.has(code) ? (code as ClosedCode) : "behind",
    message,
    ...(until !== undefined && { until }),
    ...(retryAfter !== undefined && { retry_after: retryAfter }),
  } as ServerFrameOf<"closed">;
}

/** The `error` frame that refuses a request of a conversation. */
export function openingError(ending: CloseReason, id: string | undefined): ServerFrameOf<"error"> {
  const { code, message, retryAfter, until, reason } = reasonOf(ending);
  return {
    type: "error",
    code,
    message,
    ...(until !== undefined && { until }),
    ...(reason !== undefined && { reason }),
    ...(id !== undefined && { id }),
    ...(retryAfter !== undefined && { retry_after: retryAfter }),
  };
}
