import type { Emit } from "../../core/events/events.ts";
import { type ErrorCode, errorEntry } from "../../protocol/errors.ts";
import type { HttpContext } from "./context.ts";
import { problem } from "./problem.ts";

/** Largest body of a request, in bytes; a sign-in has a few hundred. A message may be as long as on a socket. */
export const MAX_BODY_BYTES = 16 * 1024;

/** The client disconnected before its body was complete. The server cannot reply, and this is no error of the server. */
export class BodyAborted extends Error {}

/**
 * Reads a body as text, or returns the refusal, which is logged: 413 for more than `maxBytes`, 400 for bytes that are not
 * UTF-8, which would be stored as U+FFFD. Throws BodyAborted when the client has disconnected.
 */
export async function readText(
  emit: Emit,
  c: HttpContext,
  maxBytes: number = MAX_BODY_BYTES,
): Promise<string | Response> {
  const bytes = await readBytes(c.req.raw, maxBytes);
  c.env.arrived();
  if (bytes === undefined) return refuseLongBody(emit, c, maxBytes);
  try {
    return UTF_8.decode(bytes);
  } catch {
    return refuseBody(emit, c, "malformed", NOT_UTF_8);
  }
}

/** The detail of the refusal for a body that is not UTF-8. */
export const NOT_UTF_8 = "The body is not valid UTF-8.";

// It can be shared, since it keeps no state between two texts. It skips a byte order mark (RFC 8259 §8.1).
const UTF_8 = new TextDecoder("utf-8", { fatal: true });

/** Returns the refusal of a body, and logs it. At `/token` the reply also has the fields of OAuth 2 (RFC 6749 §5.2). */
export function refuseBody(
  emit: Emit,
  c: HttpContext,
  code: ErrorCode,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  emit("request.invalid", { address: c.env.address, path: c.req.path, code });
  const extra =
    c.req.path === "/token"
      ? { error: "invalid_request", error_description: `${errorEntry(code).what} ${detail}` }
      : {};
  return problem(code, { detail, extra, headers });
}

/** Refuses a body of more than `maxBytes`. The rest of it is not read, and the connection ends: the client must stop sending. */
export function refuseLongBody(emit: Emit, c: HttpContext, maxBytes: number): Response {
  return refuseBody(emit, c, "too_large", `The body is longer than ${maxBytes} bytes.`, {
    Connection: "close",
  });
}

/** Returns the bytes of a body; undefined when there are more than `maxBytes`. It never holds more than that in memory. */
async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get("Content-Length") ?? 0) > maxBytes) return undefined;
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    const { headers } = request;
    if (headers.has("Content-Length") && !headers.has("Transfer-Encoding")) return await request.bytes();
    // A chunked body has no stated length, so its bytes are counted as they arrive.
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

/** Returns whether the runtime reports that the client has disconnected. */
function isClientAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
