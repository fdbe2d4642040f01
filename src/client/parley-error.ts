import type { ErrorCode } from "../protocol/errors.ts";
import type { State } from "./connection/state.ts";
import { isIdleClosed } from "./connection/step.ts";

/**
 * What the library itself may say, beside the server's codes:
 * `closed` (the conversation is closed), `outbox_full` (too much waits already), `storage` (the given storage failed),
 * `token` (the token function failed).
 */
export type ParleyErrorCode = ErrorCode | "closed" | "outbox_full" | "storage" | "token";

/** Why something was refused. Decide by `code`; `message` is for people and may change. */
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

/** Why nothing can be asked for any more; undefined when it can, also in a conversation that was closed for inactivity. */
export function closedError(state: State): ParleyError | undefined {
  return state.state === "closed" && !isIdleClosed(state)
    ? new ParleyError("closed", `Closed: ${state.code} ${state.reason}.`)
    : undefined;
}
