import type { ErrorCode } from "../../protocol/errors.ts";

/**
 * The server's error codes, and those of the library itself:
 * `closed` (the line is closed), `cancelled` (the reason of a stream's `signal` after a request to stop), `outbox_full` (too many pending messages), `storage` (the given storage failed),
 * `token` (the token function failed).
 */
export type ParleyErrorCode = ErrorCode | "closed" | "cancelled" | "outbox_full" | "storage" | "token";

/** What an error names beside its code. */
export interface ErrorFacts {
  /** Seconds after which the same request is accepted. */
  readonly retry_after?: number | undefined;
  /** When the reason ends, in milliseconds since 1970. */
  readonly until?: number | undefined;
  /** The conversation's change that the request did not know of. */
  readonly rev?: number | undefined;
  readonly conversation?: string | undefined;
  /** Why the operator's approval refused it, in the operator's words. */
  readonly reason?: string | undefined;
}

/** Why a request failed. Decide by `code`; `message` is for people, has the `reason`, and may change. */
export class ParleyError extends Error implements ErrorFacts {
  override readonly name = "ParleyError";
  declare readonly retry_after?: number | undefined;
  declare readonly until?: number | undefined;
  declare readonly rev?: number | undefined;
  declare readonly conversation?: string | undefined;
  declare readonly reason?: string | undefined;

  constructor(
    readonly code: ParleyErrorCode,
    message: string,
    facts: ErrorFacts & { readonly cause?: unknown } = {},
  ) {
    super(withReason(message, facts), facts);
    // A field that the error does not name is missing, and not undefined.
    const names = ["retry_after", "until", "rev", "conversation", "reason"];
    Object.assign(this, JSON.parse(JSON.stringify(facts, names)));
  }
}

/** A message for people, with the operator's words where there are any. */
export const withReason = (message: string, { reason }: ErrorFacts): string =>
  reason ? `${message.replace(/\.$/, ":")} ${reason}` : message;
