import type { Server } from "bun";
import type { Admission } from "../../core/admission.ts";
import type { Clock } from "../../core/clock.ts";
import type { DemoUse } from "../../core/demo-accounts.ts";
import { type Opening, readHandshake } from "../../core/handshake.ts";
import type { OriginRule } from "../../core/origins.ts";
import { errorEntry } from "../../protocol/errors.ts";
import type { Presented } from "../authentication/credential.ts";
import { addressGroup, isLoopback } from "../client-address.ts";
import { problem, retryAfterSeconds } from "../http/problem.ts";
import type { Log } from "../log.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionFacts } from "./connection-host.ts";
import type { Entrance, Place } from "./entrance.ts";

export interface DoorParts {
  /** Makes the connection for a socket that is about to open. */
  readonly connect: (facts: ConnectionFacts) => Connection;
  readonly origins: OriginRule;
  readonly admission: Admission;
  readonly entrance: Entrance;
  readonly clock: Clock;
  readonly log: Log;
  /** While the server drains, nobody comes in; milliseconds until it is worth another try. */
  readonly draining: () => number | undefined;
}

export interface Knock {
  readonly request: Request;
  readonly server: Server<Connection>;
  /** Who asks, behind whatever proxies are trusted. */
  readonly address: string;
  readonly scheme: "http" | "https";
  /** Path and query as they were sent. */
  readonly target: string;
  /** Whether the client may use a demo account. */
  readonly demoUse: DemoUse;
}

/** The door stands before the HTTP application, so its refusals bring the fields of P1 themselves. */
const SECURITY_FIELDS = {
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  // The address that a browser shows may hold a token.
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

const NOWHERE = { user: "", conversation: "" };

/** Answers a handshake: a refusal as HTTP, or undefined when the socket was opened. */
export function openDoor(
  parts: DoorParts,
  { request, server, address, scheme, target, demoUse }: Knock,
): Response | undefined | Promise<Response | undefined> {
  const { admission, clock, log } = parts;
  const { method, headers } = request;
  const verdict = readHandshake({ method, target, headers, scheme }, parts.origins);
  if ("refusal" in verdict) {
    const { code, detail, headers: fields } = verdict.refusal;
    log.warn("handshake.refused", { address, code, reason: detail });
    return problem(code, { detail, headers: { ...SECURITY_FIELDS, ...fields } });
  }
  const { opening } = verdict;
  const wait = parts.draining();
  if (wait !== undefined) return later("unavailable", wait);

  const presented = presentedIn(opening);
  const anonymous = presented === undefined;
  const entry = { address: addressGroup(address), loopback: isLoopback(address), anonymous };
  const arrivedAt = clock.now();
  const admitted = admission.enter(entry, arrivedAt);
  if (!admitted.admitted) {
    log.warn("handshake.refused", { address, code: admitted.code });
    return later(admitted.code, admitted.retryAfter);
  }
  const enter = (place: Place | undefined) => {
    // The server may have begun to drain while this one waited for its place.
    const end = parts.draining();
    const facts = { entry, ...whereTo(opening), demoUse, presented, place, arrivedAt };
    const refusal =
      end === undefined
        ? upgrade(server, request, parts.connect(facts), opening.subprotocol)
        : later("unavailable", end);
    if (refusal === undefined) return undefined;
    admission.leave(entry);
    place?.leave();
    return refusal;
  };
  const place = anonymous ? undefined : parts.entrance.take();
  return place instanceof Promise ? place.then(enter) : enter(place);
}

/** Opens the socket; answers what to say where the runtime cannot. */
function upgrade(
  server: Server<Connection>,
  request: Request,
  connection: Connection,
  subprotocol: Opening["subprotocol"],
): Response | undefined {
  // Without this field Bun echoes the first protocol offered, which may be the token (RUNTIME 6).
  const headers = subprotocol && { headers: { "Sec-WebSocket-Protocol": subprotocol } };
  if (server.upgrade(request, { data: connection, ...headers })) return undefined;
  const detail = "The WebSocket handshake could not be completed.";
  return problem("bad_request", { detail, headers: SECURITY_FIELDS });
}

function presentedIn({ token, ticket }: Opening): Presented | undefined {
  if (token !== undefined) return { token };
  return ticket === undefined ? undefined : { ticket };
}

function whereTo({
  address,
  resume,
  client,
}: Opening): Pick<ConnectionFacts, "user" | "conversation" | "fault" | "resume" | "client"> {
  if ("fault" in address) return { ...NOWHERE, fault: address.fault, resume, client: undefined };
  return {
    user: copied(address.user),
    conversation: copied(address.conversation),
    fault: undefined,
    resume,
    client: client && copied(client),
  };
}

/**
 * A part of a string keeps the whole of it in memory: an id cut out of the request's address would hold that address,
 * token included, for the life of the connection. Ids need no escapes, so this makes a copy.
 */
function copied(name: string): string {
  return JSON.parse(`"${name}"`);
}

function later(code: "unavailable" | "too_many_handshakes", wait: number): Response {
  return problem(code, {
    detail: errorEntry(code).what,
    headers: { ...SECURITY_FIELDS, "Retry-After": retryAfterSeconds(wait) },
  });
}
