import { type ErrorCode, errorEntry } from "../../protocol/errors.ts";

export interface ProblemOptions {
  /** The error in this case; by default the catalogue's sentence. */
  readonly detail?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the body. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** A refusal as RFC 9457 problem details, with the catalogue's status and, as `code`, its name. */
export function problem(code: ErrorCode, { detail, headers, extra }: ProblemOptions = {}): Response {
  const entry = errorEntry(code);
  const body = {
    type: `urn:parley:error:${code}`,
    title: entry.what,
    status: entry.http,
    detail: detail ?? entry.advice,
    code,
    ...extra,
  };
  return new Response(JSON.stringify(body), {
    status: entry.http,
    headers: { "Content-Type": "application/problem+json", "Cache-Control": "no-store", ...headers },
  });
}

/** A wait in milliseconds as the value of `Retry-After`: whole seconds, never too early. */
export function retryAfterSeconds(milliseconds: number): string {
  return String(Math.max(1, Math.ceil(milliseconds / 1000)));
}
