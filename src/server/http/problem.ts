import { type ErrorCode, errorEntry } from "../../protocol/errors.ts";

export interface ProblemOptions {
  /** A sentence about this error; by default the one of the catalogue, and for `unavailable` one about the store. */
  readonly detail?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the body. With `retry_after`, in seconds, there is a `Retry-After`, too. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** The usual reason of `unavailable`. Where it is another one, the route says so. */
const STORE_UNAVAILABLE =
  "The store of the server cannot be reached, or refuses writes. Try again after `Retry-After` seconds; a message repeated under its `id` is never stored twice.";

/** Counts refusals. */
export interface RefusalMetrics {
  requestRefused(code: ErrorCode): void;
}

/** A response that refuses a request, for the metrics. */
export class Refusal extends Response {
  constructor(
    readonly code: ErrorCode,
    body: string,
    init: { readonly status: number; readonly headers: Readonly<Record<string, string>> },
  ) {
    super(body, init);
  }
}

/** Returns a refusal as RFC 9457 problem details, with the status of the catalogue, and the error's name as `code`. */
export function problem(code: ErrorCode, { detail, headers, extra }: ProblemOptions = {}): Response {
  const entry = errorEntry(code);
  const body = {
    type: `urn:parley:error:${code}`,
    title: entry.what,
    status: entry.http,
    detail: detail ?? (code === "unavailable" ? STORE_UNAVAILABLE : entry.advice),
    code,
    ...extra,
  };
  const wait = extra?.retry_after;
  const retryAfter = typeof wait === "number" && { "Retry-After": retryAfterSeconds(wait * 1000) };
  return new Refusal(code, JSON.stringify(body), {
    status: entry.http,
    headers: {
      "Content-Type": "application/problem+json",
      "Cache-Control": "no-store",
      ...retryAfter,
      ...headers,
    },
  });
}

/** Returns the value of `Retry-After` for a wait in milliseconds, rounded up to whole seconds. */
export function retryAfterSeconds(milliseconds: number): string {
  return String(Math.max(1, Math.ceil(milliseconds / 1000)));
}
