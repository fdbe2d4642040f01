import type { ErrorCode } from "../../../protocol/errors.ts";
import type { State } from "./state.ts";
import { isIdleClosed } from "./step.ts";

/**
 * The server's error codes, and those of the library itself:
 * `closed` (the conversation is closed), `outbox_full` (too many pending messages), `storage` (the given storage failed),
 * `token` (the token function failed).
 */
export type ParleyErrorCode = ErrorCode | "closed" | "outbox_full" | "storage" | "token";

/** Why a request failed. Decide by `code`; `message` is for people and may change. */
export class ParleyError extends Error {
  override readonly name = "ParleyError";

  constructor(
    readonly code: ParleyErrorCode,
    message: string,
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
  }
}

/** Returns the error for requests to a closed conversation; undefined while requests are possible, also after a close for inactivity. */
export function closedError(state: State): ParleyError | undefined {
  return state.state === "closed" && !isIdleClosed(state)
    ? new ParleyError("closed", `Closed: ${state.code} ${state.reason}.`)
    : undefined;
}
