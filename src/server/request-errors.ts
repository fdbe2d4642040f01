// The errors of HTTP requests to other servers, in words for people. The runtime's own texts address programmers, and hold the URL.

const NO_HTTP = "what it answered is not valid HTTP";
const NOT_UNPACKED = "its compressed answer could not be unpacked";
const REDIRECTED = "it answered with a redirect, which is not followed";
const UNKNOWN_NAME = "its host name is not known";
const UNREACHABLE = "it cannot be reached from this machine";
const SELF_SIGNED = "its certificate is self-signed, and this machine does not trust it";
const UNKNOWN_ISSUER =
  "this machine does not trust the issuer of its certificate, or it does not send the certificates between";
const OTHER_NAME = "its certificate is for another name";

/** What the codes of failed requests say of the server that was asked. They follow "cannot be reached: ". */
const REASONS: ReadonlyMap<unknown, string> = new Map([
  ["ECONNREFUSED", "nothing listens there"],
  ["ENOTFOUND", UNKNOWN_NAME],
  ["EAI_AGAIN", UNKNOWN_NAME],
  ["ETIMEDOUT", UNREACHABLE],
  ["EHOSTUNREACH", UNREACHABLE],
  ["ENETUNREACH", UNREACHABLE],
  ["ECONNRESET", "it ended the connection without an answer"],
  ["EPROTO", "the TLS handshake with it failed"],
  ["Malformed_HTTP_Response", NO_HTTP],
  ["InvalidHTTPResponse", NO_HTTP],
  ["InvalidContentLength", NO_HTTP],
  ["UnsupportedTransferEncoding", NO_HTTP],
  ["UnrequestedUpgrade", "it answered with status 101, another protocol, which was not asked for"],
  ["UnexpectedRedirect", REDIRECTED],
  ["UnsupportedRedirectProtocol", REDIRECTED],
  ["ZlibError", NOT_UNPACKED],
  ["BrotliDecompressionError", NOT_UNPACKED],
  ["ZstdDecompressionError", NOT_UNPACKED],
  ["ERR_ENCODING_INVALID_ENCODED_DATA", "its answer is not UTF-8"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", SELF_SIGNED],
  ["SELF_SIGNED_CERT_IN_CHAIN", SELF_SIGNED],
  ["UNABLE_TO_GET_ISSUER_CERT", UNKNOWN_ISSUER],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", UNKNOWN_ISSUER],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", UNKNOWN_ISSUER],
  ["CERT_HAS_EXPIRED", "its certificate has expired"],
  ["CERT_NOT_YET_VALID", "its certificate is not valid yet"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", OTHER_NAME],
  ["HOSTNAME_MISMATCH", OTHER_NAME],
]);

/** Returns what the code of an error means, as a part of a sentence; undefined where it has none. Holds no part of the URL. */
export function explainRequestCode({ code }: { readonly code?: unknown }): string | undefined {
  return REASONS.get(code) ?? (typeof code === "string" ? `the request failed (${code})` : undefined);
}

/** Returns why a request had no answer that could be read. */
export function explainRequestError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "it did not answer in time";
  // Errors of the runtime have codes, those of Parley itself have none.
  return explainRequestCode(error as NodeJS.ErrnoException) ?? error.message;
}
