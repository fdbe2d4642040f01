import type { Emit } from "../../core/events/events.ts";
import { type ErrorCode, errorEntry } from "../../protocol/errors.ts";
import type { HttpContext } from "./context.ts";
import { problem } from "./problem.ts";

/** Largest body of a request, in bytes; a sign-in has a few hundred. A message may be as long as on a socket. */
export const MAX_BODY_BYTES = 16 * 1024;

/** The client hung up before its body was complete: no client is left to reply to, and the server has no error. */
export class BodyAborted extends Error {}

/**
 * Reads a body as text, or returns the refusal, which is logged: 413 for more than `maxBytes`, 400 for bytes that are no
 * UTF-8, which would be stored as U+FFFD. Throws BodyAborted when the client has gone.
 */
export async function readText(
  emit: Emit,
  c: HttpContext,
  maxBytes: number = MAX_BODY_BYTES,
): Promise<string | Response> {
  const bytes = await readBytes(c.req.raw, maxBytes);
  c.env.arrived();
  if (bytes === undefined)
    return refuseBody(emit, c, "too_large", `The body is longer than ${maxBytes} bytes.`);
  try {
    return UTF_8.decode(bytes);
  } catch {
    return refuseBody(emit, c, "malformed", NOT_UTF_8);
  }
}

/** The detail for a body in another encoding. */
export const NOT_UTF_8 = "The body is not valid UTF-8.";

// It keeps no state between two texts: each is decoded as a whole. A byte order mark is skipped (RFC 8259 §8.1).
const UTF_8 = new TextDecoder("utf-8", { fatal: true });

/** Refuses a body, and logs that. At `/token` the reply also has the fields of OAuth 2 (RFC 6749 §5.2). */
export function refuseBody(emit: Emit, c: HttpContext, code: ErrorCode, detail: string): Response {
  emit("request.invalid", { address: c.env.address, path: c.req.path, code });
  const extra =
    c.req.path === "/token"
      ? { error: "invalid_request", error_description: `${errorEntry(code).what} ${detail}` }
      : {};
  return problem(code, { detail, extra });
}

/** The bytes of a body; undefined when there are more than `maxBytes`, of which no more than that are kept. */
async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get("Content-Length") ?? 0) > maxBytes) return undefined;
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    if (request.headers.has("Content-Length")) return await request.bytes();
    // Without a stated length (chunked) it is counted as it comes.
    for await (const chunk of request.body ?? []) {
      length += chunk.length;
      if (length > maxBytes) return undefined;
      chunks.push(chunk);
    }
  } catch (error) {
    if (isClientAbort(error))
      throw new BodyAborted("The client hung up before its body was complete.", { cause: error });
    throw error;
  }
  return Buffer.concat(chunks);
}

/** The runtime's word for it. */
function isClientAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
