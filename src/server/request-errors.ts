// The errors of HTTP requests to other servers, in words for people. The runtime's own texts address programmers.

/** What the codes of failed connections say of the server that was asked. They follow "cannot be reached: ". */
const REASONS: ReadonlyMap<unknown, string> = new Map([
  ["ECONNREFUSED", "nothing listens there"],
  ["ENOTFOUND", "its host name is not known"],
  ["EAI_AGAIN", "its host name is not known"],
  ["ETIMEDOUT", "it cannot be reached from this machine"],
  ["EHOSTUNREACH", "it cannot be reached from this machine"],
  ["ENETUNREACH", "it cannot be reached from this machine"],
  ["ECONNRESET", "it ended the connection without an answer"],
  ["EPROTO", "the TLS handshake with it failed"],
]);

/** Returns what the code of an error means; the code itself where that is not known, undefined where there is none. Holds no part of the URL. */
export function explainRequestCode({ code }: { readonly code?: unknown }): string | undefined {
  return REASONS.get(code) ?? (typeof code === "string" ? code : undefined);
}

/** Returns why a request had no answer. */
export function explainRequestError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "it did not answer in time";
  return REASONS.get((error as NodeJS.ErrnoException).code) ?? error.message;
}
