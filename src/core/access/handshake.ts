// Checks of a WebSocket handshake (W1–W3). Errors that only an attacker or a broken client makes are refused as HTTP,
// before the upgrade. Errors that a user must understand are reported after it, because a browser shows a refused
// handshake as 1006 without a reason.
import type { ErrorCode } from "../../protocol/errors.ts";
import { IDENTIFIER_RULE, isClientName, isIdentifier } from "../../protocol/identifiers.ts";
import { MAX_LAST } from "../../protocol/limits.ts";
import { SUBPROTOCOL } from "../../protocol/version.ts";
import type { ResumeRequest } from "../conversation/resume.ts";
import { explainOriginRefusal, type OriginRule } from "./origins.ts";

/** Longest address of a request, in bytes: a token of 4,096 and room for the rest. */
const MAX_TARGET_BYTES = 8 * 1024;

/**
 * The prefix of a second subprotocol, offered in addition to `parley.v1`. It carries the token of clients that cannot set a
 * header and do not want the token in an address.
 */
const BEARER_PROTOCOL = "bearer.";

/** The fields of the query that are about the conversation in the address. */
const POSITION = ["after", "epoch", "last", "rev", "oldest"] as const;

const SEQUENCE = /^\d{1,15}$/;

const COUNT = /^\d{1,3}$/;

export interface HandshakeRequest {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  readonly headers: Headers;
  readonly scheme: "http" | "https";
}

/** A refusal as HTTP. */
export interface HandshakeRejection {
  readonly code: Extract<
    ErrorCode,
    | "bad_request"
    | "not_found"
    | "method_not_allowed"
    | "upgrade_required"
    | "origin_refused"
    | "address_too_long"
  >;
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The ids in an address; one without a conversation is that of the socket of a user. */
interface SocketPath {
  readonly user: string;
  readonly conversation: string | undefined;
}

/** The address that the client opens, or the error in it; the socket is opened either way. */
export interface ParsedHandshake {
  readonly address: SocketPath | { readonly error: string };
  /** The token, when one came with the handshake. */
  readonly token: string | undefined;
  /** The ticket, if the client has one instead of a token. */
  readonly ticket: string | undefined;
  /** The position of a returning client, and how many messages it requests at once. */
  readonly resume: ResumeRequest | undefined;
  /**
   * The client's name among the user's clients: a newer connection of it in this conversation replaces the older one.
   */
  readonly client: string | undefined;
  /** The response's `Sec-WebSocket-Protocol`; undefined if none was offered. */
  readonly subprotocol: typeof SUBPROTOCOL | undefined;
}

export type HandshakeResult =
  | { readonly refusal: HandshakeRejection }
  | { readonly opening: ParsedHandshake };

/** Decides about one request whose path begins with `/ws/`. */
export function parseHandshake(handshake: HandshakeRequest, origins: OriginRule): HandshakeResult {
  const mark = handshake.target.indexOf("?");
  const path = (mark < 0 ? handshake.target : handshake.target.slice(0, mark)).split("/");
  const protocols = offeredProtocols(handshake.headers);
  const refusal = rejection(handshake, path, protocols, origins);
  if (refusal !== undefined) return { refusal };
  const query = new URLSearchParams(mark < 0 ? "" : handshake.target.slice(mark + 1));
  const [user, conversation] = path.slice(2) as [string, string | undefined];
  const tokensSent = findTokens(query, handshake.headers, protocols);
  const tickets = query.getAll("ticket");
  return {
    opening: {
      address: readAddress(user, conversation, query, tokensSent.length + tickets.length),
      token: tokensSent[0],
      ticket: tickets[0],
      resume: readResume(query),
      client: query.get("client") ?? undefined,
      subprotocol: protocols.length > 0 ? SUBPROTOCOL : undefined,
    },
  };
}

function rejection(
  { method, target, headers, scheme }: HandshakeRequest,
  path: readonly string[],
  protocols: readonly string[],
  origins: OriginRule,
): HandshakeRejection | undefined {
  if (target.length > MAX_TARGET_BYTES) {
    return {
      code: "address_too_long",
      detail: `The address has ${target.length} bytes; at most ${MAX_TARGET_BYTES} are accepted.`,
    };
  }
  const names = path.slice(2);
  if (names.length < 1 || names.length > 2 || names.includes("")) {
    const detail = "Sockets are opened at /ws/{user_id}/{conversation_id}, or at /ws/{user_id}.";
    return { code: "not_found", detail };
  }
  if (method !== "GET") {
    return {
      code: "method_not_allowed",
      detail: "Sockets are opened with GET.",
      headers: { Allow: "GET, OPTIONS" },
    };
  }
  const version = headers.get("sec-websocket-version");
  if (headers.get("upgrade")?.toLowerCase() !== "websocket" || (version !== null && version !== "13")) {
    const detail =
      "This address speaks WebSocket, version 13: open it with ws:// or wss:// in a WebSocket client.";
    const fields = { Upgrade: "websocket", Connection: "Upgrade", "Sec-WebSocket-Version": "13" };
    return { code: "upgrade_required", detail, headers: fields };
  }
  // The runtime accepts these errors (RT-7). A request that a proxy and this server read differently can smuggle another one.
  const host = headers.get("host") ?? "";
  if (!/^[^\s,/@]+$/.test(host)) return { code: "bad_request", detail: "There must be one `Host` field." };
  if (!fieldTokens(headers.get("connection")).includes("upgrade")) {
    return { code: "bad_request", detail: "The `Connection` field must say `Upgrade` (RFC 6455 §4.1)." };
  }
  if (version === null || !/^[A-Za-z0-9+/]{22}==$/.test(headers.get("sec-websocket-key") ?? "")) {
    return {
      code: "bad_request",
      detail: "`Sec-WebSocket-Key` or `Sec-WebSocket-Version` is missing or wrong.",
    };
  }
  // This server would read the body's bytes as frames, and a proxy in front of it as a body.
  if ((headers.get("content-length") ?? "0") !== "0" || headers.has("transfer-encoding")) {
    return { code: "bad_request", detail: "The request that opens a socket cannot have a body." };
  }
  const foreign = explainOriginRefusal(origins, { scheme, headers });
  if (foreign !== undefined) return { code: "origin_refused", detail: foreign };
  if (protocols.length > 0 && !protocols.includes(SUBPROTOCOL)) {
    return { code: "bad_request", detail: `Offer the subprotocol \`${SUBPROTOCOL}\`, or none.` };
  }
  return undefined;
}

function readAddress(
  user: string,
  conversation: string | undefined,
  query: URLSearchParams,
  credentials: number,
): ParsedHandshake["address"] {
  const ids = {
    user: decode(user),
    conversation: conversation === undefined ? undefined : decode(conversation),
  };
  const named = conversation === undefined ? ["user" as const] : (["user", "conversation"] as const);
  for (const name of named) {
    const id = ids[name];
    if (id === undefined || !isIdentifier(id)) {
      return { error: `The ${name} in the address must be ${IDENTIFIER_RULE}.` };
    }
  }
  // With two credentials, one user could be checked and another one be used (W3).
  if (credentials > 1)
    return { error: "There is more than one credential; send one token or ticket, in one place, once." };
  const position = conversation === undefined && POSITION.find((name) => query.has(name));
  if (position)
    return {
      error: `\`${position}\` belongs to a conversation: send it in an \`open\` frame on this socket.`,
    };
  for (const name of [...POSITION, "client", "streams"]) {
    if (query.getAll(name).length > 1) return { error: `There is more than one \`${name}\` in the address.` };
  }
  if (query.has("after") && !SEQUENCE.test(query.get("after")!)) {
    return {
      error: "`after` in the address must be the `seq` of the newest message you have: a whole number.",
    };
  }
  for (const name of ["rev", "oldest"] as const)
    if (query.has(name) && !SEQUENCE.test(query.get(name)!))
      return { error: `\`${name}\` in the address must be a whole number.` };
  if (query.has("client") && !isClientName(query.get("client")!)) {
    return { error: "`client` in the address must be 1–64 characters of A-Z a-z 0-9 . _ -." };
  }
  if (query.has("last") && readLast(query) === undefined) {
    return { error: `\`last\` in the address must be a whole number from 0 to ${MAX_LAST}.` };
  }
  if (query.has("streams") && query.get("streams") !== "1")
    return { error: "`streams` in the address must be `1`, or must not be there." };
  return ids as SocketPath;
}

/** Reads the position of the client and `streams`, which `readAddress` has checked. Returns undefined where the client sent none of them. */
function readResume(query: URLSearchParams): ResumeRequest | undefined {
  const after = readSequence(query, "after");
  const rev = readSequence(query, "rev");
  const oldest = readSequence(query, "oldest");
  const last = readLast(query);
  const epoch = query.get("epoch") ?? undefined;
  const streams = query.get("streams") === "1";
  if (after === undefined && epoch === undefined && last === undefined && !streams) return undefined;
  return {
    ...{ after, epoch, last },
    ...(rev !== undefined && { rev }),
    ...(oldest !== undefined && { oldest }),
    ...(streams && { streams }),
  };
}

function readSequence(query: URLSearchParams, name: "after" | "rev" | "oldest"): number | undefined {
  const given = query.get(name) ?? "";
  return SEQUENCE.test(given) ? Number(given) : undefined;
}

function readLast(query: URLSearchParams): number | undefined {
  const last = query.get("last") ?? "";
  return COUNT.test(last) && Number(last) <= MAX_LAST ? Number(last) : undefined;
}

function findTokens(query: URLSearchParams, headers: Headers, protocols: readonly string[]): string[] {
  const authorization = headers.get("authorization");
  return [
    ...query.getAll("token"),
    // The runtime joins repeated fields with commas (RFC 9110 §5.3); a token contains none.
    ...(authorization?.split(",").map((one) => /^bearer +(\S+)$/i.exec(one.trim())?.[1] ?? "") ?? []),
    ...protocols
      .filter((protocol) => protocol.startsWith(BEARER_PROTOCOL))
      .map((protocol) => protocol.slice(BEARER_PROTOCOL.length)),
  ];
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function offeredProtocols(headers: Headers): string[] {
  return (headers.get("sec-websocket-protocol") ?? "")
    .split(",")
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== "");
}

function fieldTokens(field: string | null): string[] {
  return (field ?? "").split(",").map((token) => token.trim().toLowerCase());
}
