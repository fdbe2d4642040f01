import { encodeHistoryMembers, encodeMessageBody } from "../../../core/conversation/entry.ts";
import { readHistory } from "../../../core/conversation/history-around.ts";
import {
  decodePresenceCursor,
  encodePresenceCursor,
  type PresencePlace,
} from "../../../core/conversation/presence/presence-page.ts";
import { postRulesOf } from "../../../core/members/post-rules.ts";
import { describeRefusal, OTHER_EPOCH } from "../../../core/members/refusals.ts";
import { refuseReading } from "../../../core/members/standing.ts";
import type {
  HistoryResult,
  MessageLog,
  PostRequest,
  PostResult,
  RateLimited,
  Unavailable,
} from "../../../core/ports/message-log.ts";
import { unavailableText } from "../../../core/session/store-refusals.ts";
import type { ClientFrame } from "../../../protocol/client-frames.ts";
import { decodeFrameObject, JSON_TOO_LARGE } from "../../../protocol/decode.ts";
import type { ErrorCode } from "../../../protocol/errors.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../../protocol/identifiers.ts";
import { parseJsonObject } from "../../../protocol/json.ts";
import { DEFAULT_PRESENCE_LIMIT, MAX_FRAME_BYTES, MAX_PRESENCE_LIMIT } from "../../../protocol/limits.ts";
import type { Quota } from "../../../protocol/server-frames.ts";
import { unknownFieldError } from "../../../protocol/unknown-fields.ts";
import type { PresencePage } from "../../socket/conversation/presence-page.ts";
import type { MessageSender } from "../../socket/message-counters.ts";
import { readText } from "../body.ts";
import { authenticateCaller, type Caller } from "../caller.ts";
import type { HttpContext } from "../context.ts";
import { problem, type RefusalMetrics, retryAfterSeconds } from "../problem.ts";
import { rateLimitFields } from "../rate-limit-fields.ts";
import { type MemberRoutesDeps, readScene, refuseRequest } from "./members/request.ts";

// The HTTP counterparts of a socket's frames, for programs that have no socket. Each request is read by the schema of its
// frame, and is charged like that frame.

export interface ConversationRoutesDeps extends MemberRoutesDeps {
  readonly engine: MemberRoutesDeps["engine"] & Pick<MessageLog, "post" | "history" | "head">;
  /** Returns `limit` of the users who are present in a conversation, on all nodes; undefined when the store cannot be read now. */
  readonly present: (
    conversation: string,
    limit: number,
    after?: PresencePlace,
  ) => Promise<PresencePage | undefined>;
  /** Counts a message for the log. */
  readonly count: (sender: MessageSender, id: string, result: PostResult) => void;
  readonly metrics?: RefusalMetrics | undefined;
}

type Route = (c: HttpContext) => Promise<Response>;

/** `GET /conversations/{id}/messages?before=…&after=…&around=…&limit=…&epoch=…`: the counterpart of a `history` frame. */
export function readMessagesRoute(deps: ConversationRoutesDeps): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, "read");
    if (caller instanceof Response) return caller;
    const range: Record<string, unknown> = { type: "history" };
    for (const name of ["before", "after", "around", "limit", "epoch"]) {
      const value = c.req.query(name);
      // A value that is not a number stays a text, and the schema reports it.
      if (value !== undefined)
        range[name] = name !== "epoch" && /^\d{1,15}$/.test(value) ? Number(value) : value;
    }
    const frame = decode(deps, caller, range, "history");
    if (frame instanceof Response) return frame;
    const refused = await refuseReader(deps, caller);
    if (refused !== undefined) return refused;
    const { user, conversation, limit, plan } = caller;
    const { type: _, id: __, conversation: ___, epoch, limit: count, ...places } = frame;
    const conflicting = await refuseOtherEpoch(deps, conversation, epoch);
    if (conflicting !== undefined) return conflicting;
    const result = await new Promise<HistoryResult>((done) =>
      readHistory(deps.engine, { conversation, user, limit, count, ...places }, done),
    );
    if (result.outcome !== "read") return refusal(result, plan);
    return reply(200, `{${encodeHistoryMembers(result)}}`, result.quota, plan);
  };
}

/** `POST /conversations/{id}/messages`: the counterpart of a `message` frame; the same `id` again is the same message (D3). */
export function postMessageRoute(deps: ConversationRoutesDeps): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, "write");
    if (caller instanceof Response) return caller;
    const sent = await readFrame(deps, c, caller, "message", MAX_FRAME_BYTES);
    if (sent instanceof Response) return sent;
    const posted = await postMessage(deps, caller, sent);
    if (posted instanceof Response) return posted;
    return reply(posted.duplicate ? 200 : 201, JSON.stringify(posted), posted.quota, caller.plan);
  };
}

/** A message that is stored, as it is answered. */
export interface PostedMessage {
  readonly id: string;
  readonly seq: number;
  readonly at: number;
  readonly duplicate?: true;
  readonly quota: Quota | null;
}

/**
 * Stores a message, or returns the refusal. The engine gets it before this returns, so that calls keep their order; with an
 * `epoch` only after the conversation was read.
 */
export async function postMessage(
  deps: ConversationRoutesDeps,
  caller: Caller,
  { frame, fields }: FrameBody<"message">,
): Promise<PostedMessage | Response> {
  const { conversation, limit, plan } = caller;
  const user = senderOf(deps, caller, fields.from);
  if (user instanceof Response) return user;
  if (frame.epoch !== undefined) {
    const conflicting = await refuseOtherEpoch(deps, conversation, frame.epoch);
    if (conflicting !== undefined) return conflicting;
  }
  const id = frame.id ?? crypto.randomUUID();
  const body = encodeMessageBody(frame.text, frame.data, frame.reply_to);
  const request: PostRequest = {
    ...{ conversation, user, id, kind: "message", body, limit },
    ...(frame.epoch !== undefined && { epoch: frame.epoch }),
    ...postRulesOf(caller.actor, conversation, user, deps.memberPolicy),
  };
  const result = await new Promise<PostResult>((done) => deps.engine.post(request, done));
  deps.count({ user, conversation }, id, result);
  if (result.outcome === "removed") return problem("removed");
  if (result.outcome === "rate_limited" || result.outcome === "unavailable") return refusal(result, plan);
  if (!("seq" in result)) return refuseRequest(deps, caller, describeRefusal(result));
  const { seq, at, quota } = result;
  return { id, seq, at, ...(result.outcome === "duplicate" && { duplicate: true }), quota };
}

/** Returns the `seq` of the message in the address, or the refusal. */
export function readSeq(deps: ConversationRoutesDeps, c: HttpContext, caller: Caller): number | Response {
  const text = c.req.param("seq") ?? "";
  return /^\d{1,15}$/.test(text) && Number(text) >= 1
    ? Number(text)
    : invalid(deps, caller, "The `seq` in the address must be a whole number, 1 or more.");
}

/** Returns the user in whose name a caller writes: `from` of the request, or itself; or the refusal. */
export function senderOf(
  deps: ConversationRoutesDeps,
  caller: Caller,
  from: unknown = caller.user,
): string | Response {
  const { conversation, logFields } = caller;
  if (typeof from !== "string" || !isIdentifier(from))
    return invalid(deps, caller, `\`from\`: must be ${IDENTIFIER_RULE}.`);
  if (from === caller.user || caller.isKey) return from;
  const reason = "Only a server key may set `from`.";
  deps.emit("request.refused", { ...logFields, conversation, code: "forbidden", reason });
  return problem("forbidden", { detail: "Only a server key may speak in another name (`from`)." });
}

/** `GET /conversations/{id}/presence?limit=…&cursor=…`: the users who are present now. The request is free. */
export function presenceRoute(deps: ConversationRoutesDeps): Route {
  return async (c) => {
    const caller = await authenticateCaller(deps, c, "read");
    if (caller instanceof Response) return caller;
    const { limit = `${DEFAULT_PRESENCE_LIMIT}`, cursor: place } = c.req.query();
    if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_PRESENCE_LIMIT)
      return invalid(deps, caller, `\`limit\`: must be a whole number from 1 to ${MAX_PRESENCE_LIMIT}.`);
    const after = place === undefined ? undefined : decodePresenceCursor(place);
    if (place !== undefined && after === undefined)
      return invalid(deps, caller, "`cursor`: must be the `cursor` of an answer to the same request.");
    const refused = await refuseReader(deps, caller);
    if (refused !== undefined) return refused;
    const page = await deps.present(caller.conversation, Number(limit), after);
    if (page === undefined) return problem("unavailable", { headers: { "Retry-After": "1" } });
    const last = page.present.at(-1);
    const cursor = page.more && last !== undefined ? { cursor: encodePresenceCursor(last) } : {};
    return Response.json({ ...page, ...cursor }, { headers: { "Cache-Control": "no-store" } });
  };
}

/** The fields of bodies: those of the frame, and those of HTTP. */
const BODY_FIELDS = {
  message: ["text", "id", "data", "reply_to", "epoch", "from"],
  read: ["seq", "epoch"],
} as const;

/** Fields of a frame that say what the address says: a client may send its frame as it is. */
const ADDRESS_FIELDS: readonly string[] = ["type", "conversation"];

/** Returns the error of a frame that was sent as a body, and says something else than the address. */
function addressError(
  { type, conversation }: Readonly<Record<string, unknown>>,
  expected: string,
  caller: Caller,
): string | undefined {
  if (type !== undefined && type !== expected) return `\`type\`: must be \`${expected}\`, or missing.`;
  return conversation === undefined || conversation === caller.conversation
    ? undefined
    : "`conversation`: must be that of the address, or missing.";
}

/** Reads the body of a request by the schema of its frame, or returns the refusal. */
export async function readFrame<T extends "message" | "read">(
  deps: ConversationRoutesDeps,
  c: HttpContext,
  caller: Caller,
  type: T,
  maxBytes: number,
): Promise<FrameBody<T> | Response> {
  const text = await readText(deps.emit, c, maxBytes);
  return text instanceof Response ? text : parseFrame(deps, caller, type, text);
}

/** A body that was read by the schema of its frame. `fields` are all fields. */
export interface FrameBody<T extends ClientFrame["type"]> {
  readonly frame: Extract<ClientFrame, { type: T }>;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Reads the text of a body by the schema of its frame, or returns the refusal. */
export function parseFrame<T extends "message" | "read">(
  deps: ConversationRoutesDeps,
  caller: Caller,
  type: T,
  text: string,
): FrameBody<T> | Response {
  const { value: fields, error } = parseJsonObject(text);
  if (error === "too_large") return invalid(deps, caller, JSON_TOO_LARGE, error);
  if (error !== undefined) return invalid(deps, caller, "The body is not a JSON object.", error);
  const fault =
    unknownFieldError(
      Object.keys(fields).filter((name) => !ADDRESS_FIELDS.includes(name)),
      BODY_FIELDS[type],
    ) ?? addressError(fields, type, caller);
  if (fault !== undefined) return invalid(deps, caller, fault);
  const frame = decode(deps, caller, { ...fields, type }, type, text);
  return frame instanceof Response ? frame : { frame, fields };
}

/** Reads a request by the schema of its frame, or returns the refusal. `text` is its JSON. */
function decode<T extends "message" | "history" | "read">(
  deps: ConversationRoutesDeps,
  caller: Caller,
  value: object,
  type: T,
  text = "",
): Extract<ClientFrame, { type: T }> | Response {
  const { frame, error } = decodeFrameObject(value, text);
  if (error !== undefined) return invalid(deps, caller, error.message, error.code);
  if (frame.type !== type) throw new Error(`a ${type} was read as ${frame.type}`);
  return frame as Extract<ClientFrame, { type: T }>;
}

/** Reports an invalid request, and returns its response. */
export function invalid(
  { emit }: ConversationRoutesDeps,
  { logFields, conversation }: Caller,
  detail: string,
  code: ErrorCode = "invalid",
): Response {
  emit("request.invalid", { ...logFields, conversation, code });
  return problem(code, { detail });
}

/** Returns the refusal where the conversation has another epoch than the caller knows. */
export async function refuseOtherEpoch(
  { engine }: Pick<ConversationRoutesDeps, "engine">,
  conversation: string,
  expected: string | undefined,
): Promise<Response | undefined> {
  if (expected === undefined) return undefined;
  const { epoch } = await engine.head(conversation);
  return epoch === expected ? undefined : problem("conflict", { detail: OTHER_EPOCH, extra: { epoch } });
}

/** Returns the refusal where the caller does not belong to the conversation, or is banned from it. */
export async function refuseReader(
  deps: ConversationRoutesDeps,
  caller: Caller,
): Promise<Response | undefined> {
  const scene = await readScene(deps, caller);
  const refusal = refuseReading(scene);
  if (refusal !== undefined) return refuseRequest(deps, caller, refusal);
  const { kind, name } = caller.actor;
  if (kind === "user" && scene.view.standings.get(name)?.unopened === true)
    await deps.members.markOpened(caller.conversation, name);
  return undefined;
}

/** Returns the response to a request that was not carried out, and may be carried out later. */
export function refusal(result: RateLimited | Unavailable, plan: string): Response {
  if (result.outcome === "unavailable")
    return problem("unavailable", {
      ...(result.because !== undefined && { detail: unavailableText(result) }),
      headers: { "Retry-After": "1" },
    });
  const { retryAfter, quota } = result;
  return problem("rate_limited", {
    detail: `The plan allows ${quota.limit} requests an hour; the next one is accepted in ${retryAfter / 1000} seconds.`,
    headers: { "Retry-After": retryAfterSeconds(retryAfter), ...rateLimitFields(quota, plan) },
    extra: { retry_after: retryAfter / 1000, quota },
  });
}

/** A response whose body is `json`, which is encoded already. */
export function reply(status: number, json: string, quota: Quota | null, plan: string): Response {
  const headers = {
    "Content-Type": "application/json;charset=utf-8",
    "Cache-Control": "no-store",
    ...rateLimitFields(quota, plan),
  };
  return new Response(json, { status, headers });
}
