import type { TokenCache } from "./line/token.ts";
import { REPLY_TIMEOUT_MS } from "./options.ts";
import { ParleyError } from "./types/error.ts";

/** The fields of a refusal that the library uses (RFC 9457). */
interface Problem {
  readonly code?: string;
  readonly detail?: string;
  readonly retry_after?: number;
  readonly until?: number;
  readonly rev?: number;
  readonly conversation?: string;
  readonly reason?: string;
}

/** Sends an HTTP request to the server at `url`; resolves with the parsed body, undefined if there is none. */
export type Request = <T = unknown>(method: string, path: string, body?: unknown) => Promise<T>;

export function createRequest(url: string, tokens: TokenCache): Request {
  const base = url.replace(/^ws/, "http").replace(/\/$/, "");
  return async function request<T>(
    method: string,
    path: string,
    body?: unknown,
    refused?: string,
  ): Promise<T> {
    const token = await tokens.get(refused);
    if (!token) throw new ParleyError("unauthorized", "Signed out.");
    let response: Response;
    let answer: unknown;
    try {
      response = await fetch(base + path, {
        method,
        headers: {
          Authorization: `Bearer ${token}`,
          ...(body !== undefined && { "Content-Type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(REPLY_TIMEOUT_MS),
      });
      const text = await response.text();
      answer = text ? JSON.parse(text) : undefined;
    } catch (error) {
      throw new ParleyError("unavailable", `${method} ${path}: ${error}`, { cause: error });
    }
    if (response.ok) return answer as T;
    // The token may have ended since it was given out: once with another one.
    if (response.status === 401 && refused === undefined && tokens.isRenewable)
      return (request as (...all: unknown[]) => Promise<T>)(method, path, body, token);
    const { code = "internal", detail = `HTTP ${response.status}`, ...facts } = (answer ?? {}) as Problem;
    const wait = Number(response.headers.get("Retry-After"));
    throw new ParleyError(code as never, detail, { ...(wait > 0 && { retry_after: wait }), ...facts });
  };
}
