import type { Server } from "bun";
import type { Admission } from "../../core/access/admission.ts";
import type { DemoUse } from "../../core/access/demo-accounts.ts";
import { type ParsedHandshake, parseHandshake } from "../../core/access/handshake.ts";
import type { OriginRule } from "../../core/access/origins.ts";
import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { errorEntry } from "../../protocol/errors.ts";
import type { PresentedCredential } from "../authentication/presented-credential.ts";
import { addressGroup, isLoopback } from "../client-address.ts";
import type { Permit } from "../concurrency-limiter.ts";
import { problem, retryAfterSeconds } from "../http/problem.ts";
import type { AdmissionQueue } from "./admission-queue.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionInit } from "./connection-deps.ts";

export interface UpgradeDeps {
  /** Creates the connection for a socket that is about to open. */
  readonly connect: (facts: ConnectionInit) => Connection;
  readonly origins: OriginRule;
  readonly admission: Admission;
  readonly admissionQueue: AdmissionQueue;
  readonly clock: Clock;
  readonly emit: Emit;
  /** While the server drains, and so refuses new sockets: milliseconds until a client should try again. Otherwise undefined. */
  readonly draining: () => number | undefined;
}

export interface UpgradeRequest {
  readonly request: Request;
  readonly server: Server<Connection>;
  /** The client's address: behind trusted proxies the one that they forward. */
  readonly address: string;
  readonly scheme: "http" | "https";
  /** Path and query as they were sent. */
  readonly target: string;
  /** Whether the client may use a demo account. */
  readonly demoUse: DemoUse;
}

/** Handshakes do not pass through the HTTP application, so their refusals must set the fields of SEC-P1 here. */
const SECURITY_HEADERS = {
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  // The address in a browser may contain a token.
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

const NO_ADDRESS = { user: "", conversation: "" };

/** Handles a handshake. Returns the HTTP response of a refusal, or undefined when the socket was opened. */
export function handleUpgrade(
  deps: UpgradeDeps,
  { request, server, address, scheme, target, demoUse }: UpgradeRequest,
): Response | undefined | Promise<Response | undefined> {
  const { admission, clock, emit } = deps;
  const { method, headers } = request;
  const verdict = parseHandshake({ method, target, headers, scheme }, deps.origins);
  if ("refusal" in verdict) {
    const { code, detail, headers: fields } = verdict.refusal;
    emit("handshake.refused", { address, code, reason: detail });
    return problem(code, { detail, headers: { ...SECURITY_HEADERS, ...fields } });
  }
  const { opening } = verdict;
  const wait = deps.draining();
  if (wait !== undefined) return retryLater("unavailable", wait);

  const presented = credentialIn(opening);
  const anonymous = presented === undefined;
  const entry = { address: addressGroup(address), loopback: isLoopback(address), anonymous };
  const arrivedAt = clock.now();
  const admitted = admission.tryAdmit(entry, arrivedAt);
  if (!admitted.admitted) {
    emit("handshake.refused", { address, code: admitted.code });
    return retryLater(admitted.code, admitted.retryAfter);
  }
  const enter = (permit: Permit | undefined) => {
    // The server may have begun to drain while this request waited for its permit.
    const end = deps.draining();
    const facts = { entry, ...addressOf(opening), demoUse, presented, permit, arrivedAt };
    const refusal =
      end === undefined
        ? upgrade(server, request, deps.connect(facts), opening.subprotocol)
        : retryLater("unavailable", end);
    if (refusal === undefined) return undefined;
    admission.release(entry);
    permit?.release();
    return refusal;
  };
  const place = anonymous ? undefined : deps.admissionQueue.acquire();
  return place instanceof Promise ? place.then(enter) : enter(place);
}

/** Opens the socket. Returns the response of a refusal where the runtime cannot open it. */
function upgrade(
  server: Server<Connection>,
  request: Request,
  connection: Connection,
  subprotocol: ParsedHandshake["subprotocol"],
): Response | undefined {
  // Without this field Bun echoes the first protocol offered, which may be the token (RT-6).
  const headers = subprotocol && { headers: { "Sec-WebSocket-Protocol": subprotocol } };
  if (server.upgrade(request, { data: connection, ...headers })) return undefined;
  const detail = "The WebSocket handshake could not be completed.";
  return problem("bad_request", { detail, headers: SECURITY_HEADERS });
}

function credentialIn({ token, ticket }: ParsedHandshake): PresentedCredential | undefined {
  if (token !== undefined) return { token };
  return ticket === undefined ? undefined : { ticket };
}

function addressOf({
  address,
  resume,
  client,
}: ParsedHandshake): Pick<ConnectionInit, "user" | "conversation" | "addressError" | "resume" | "client"> {
  if ("error" in address) return { ...NO_ADDRESS, addressError: address.error, resume, client: undefined };
  return {
    user: copyOf(address.user),
    conversation: address.conversation && copyOf(address.conversation),
    addressError: undefined,
    resume,
    client: client && copyOf(client),
  };
}

/**
 * Copies an id out of the request's address. A slice of a string keeps the whole string in memory, here the address with
 * its token, for the life of the connection. Ids need no escapes, so parsing one as JSON makes a copy.
 */
function copyOf(name: string): string {
  return JSON.parse(`"${name}"`);
}

function retryLater(code: "unavailable" | "too_many_handshakes", wait: number): Response {
  return problem(code, {
    detail: errorEntry(code).what,
    headers: { ...SECURITY_HEADERS, "Retry-After": retryAfterSeconds(wait) },
  });
}
