// The faults that a user who tests a client can have the server inject into one of the user's own connections: their
// requests, the checks of these, and their effects. server/faults/ injects them.

import { z } from "zod";
import { type CloseCode, describeClose } from "../protocol/close-codes.ts";
import { JSON_TOO_LARGE } from "../protocol/decode.ts";
import { ERRORS, type ErrorCode } from "../protocol/errors.ts";
import { parseJson } from "../protocol/json.ts";
import { type Quota, SERVER_FRAMES, type ServerFrameType } from "../protocol/server-frames.ts";
import { utf8Length } from "../protocol/utf8.ts";
import { type CloseReason, FULL_PLAN_RETRY_S } from "./session/close-reason.ts";
import type { Live, SessionRules } from "./session/connection-state.ts";

/** Longest freeze of a connection, in seconds. Meanwhile the server receives nothing from its client, not even a close. */
export const MAX_FREEZE_S = 600;
/** The longest delay in one direction, in milliseconds. */
export const MAX_DELAY_MS = 60_000;
/** The most frames that one request can drop. */
export const MAX_DROPPED_FRAMES = 1000;
/** The longest clock jump, in seconds: the longest inactivity time-out that can be set. */
export const MAX_CLOCK_JUMP_S = 604_800;
/** The most requests that are charged to fill a quota. Each is a real charge with a row in the store. */
export const MAX_FILL_REQUESTS = 100_000;
/** Longest reason of a close frame, in bytes (RFC 6455 §5.5). */
const MAX_REASON_BYTES = 123;
/** The longest `retry_after` of an injected `closing` frame, in seconds. */
const MAX_RETRY_AFTER_S = 3600;

/** The types of frames that can be dropped: all but `welcome`, without which a connection does not begin. */
export const DROPPABLE_FRAMES = Object.keys(SERVER_FRAMES).filter(
  (type) => type !== "welcome",
) as ServerFrameType[];
/** The events to which the clock of a connection can be moved. */
export const CLOCK_JUMP_TARGETS = [
  "inactivity_warning",
  "inactivity",
  "token_expiring",
  "token_expiry",
] as const;

function within(min: number, max: number, schema: z.ZodNumber = z.number("must be a number")): z.ZodNumber {
  return schema.min(min, `must be at least ${min}`).max(max, `must be at most ${max}`);
}

/** A duration in seconds, decimals allowed; never 0. */
function seconds(max: number): z.ZodNumber {
  const message = `must be a number of seconds, more than 0 and at most ${max}`;
  return z.number(message).gt(0, message).max(max, message);
}

const integer = z.int("must be a whole number");

/** Ends the TCP connection without a close frame. */
const Cut = z.strictObject({ do: z.literal("cut") });

/** Stops reading, writing and the time-outs of the connection, for this long or until `thaw`. */
const Freeze = z.strictObject({ do: z.literal("freeze"), seconds: seconds(MAX_FREEZE_S) });

/** Ends `freeze` and `freeze_writer`. */
const Thaw = z.strictObject({ do: z.literal("thaw") });

/** Delays all frames to and from the connection by this time, in their order; 0 ends the delay. */
const Delay = z.strictObject({ do: z.literal("delay"), milliseconds: within(0, MAX_DELAY_MS) });

/** Drops the next `count` frames of a type to the connection; 0 cancels an earlier request. */
const Lose = z.strictObject({
  do: z.literal("lose"),
  next: z.enum(DROPPABLE_FRAMES, `must be one of ${DROPPABLE_FRAMES.join(", ")}`),
  count: within(0, MAX_DROPPED_FRAMES, integer).default(1),
});

/** Closes the connection as the server does: an `error` frame where the code has one, `closing`, and the close. */
const Close = z.strictObject({
  do: z.literal("close"),
  code: integer.refine(isClosable, "must be 1000, 1001, 1011, 1012, 1013, or from 4400 to 4499"),
  reason: z
    .string("must be a string")
    .refine((text) => utf8Length(text) <= MAX_REASON_BYTES, {
      error: `must be at most ${MAX_REASON_BYTES} bytes long`,
    })
    .optional(),
  retry_after: within(0, MAX_RETRY_AFTER_S).optional(),
});

/** Moves the clock of this one connection forward, by a number of seconds or to an event. */
const Jump = z
  .strictObject({
    do: z.literal("jump"),
    to: z.enum(CLOCK_JUMP_TARGETS, `must be one of ${CLOCK_JUMP_TARGETS.join(", ")}`).optional(),
    seconds: seconds(MAX_CLOCK_JUMP_S).optional(),
  })
  .refine(({ to, seconds }) => (to === undefined) !== (seconds === undefined), {
    error: "needs either `to` or `seconds`",
  });

/** Charges the user for all remaining requests of the plan. These are real charges, which expire after an hour. */
const FillQuota = z.strictObject({ do: z.literal("fill_quota") });

/** Signs an expired token of the user, to test how a client handles its refusal. */
const ExpiredToken = z.strictObject({ do: z.literal("expired_token") });

/** Holds back what the connection sends of its streams, for this long or until `thaw`; their leases run meanwhile. */
const FreezeWriter = z.strictObject({ do: z.literal("freeze_writer"), seconds: seconds(MAX_FREEZE_S) });

/** Cuts the connection as `cut` does, and loses what is not stored of its streams, as when the server dies with it. */
const KillWriter = z.strictObject({ do: z.literal("kill_writer") });

/** Takes over the streams of the connection, as another writer with the same ids, which then sends nothing. */
const FenceWriter = z.strictObject({ do: z.literal("fence_writer") });

const FAULT_SCHEMAS = [
  ...[Cut, Freeze, Thaw, Delay, Lose, Close, Jump, FillQuota, ExpiredToken],
  ...[FreezeWriter, KillWriter, FenceWriter],
] as const;
const FAULT_NAMES = FAULT_SCHEMAS.map(({ shape }) => shape.do.value).join(", ");

const FaultRequest = z.strictObject(
  {
    connection: z.string("must be the `connection` of a `welcome` frame").min(1).max(64),
    fault: z.discriminatedUnion("do", FAULT_SCHEMAS, {
      error: ({ code }) =>
        code === "invalid_union" ? `must be one of ${FAULT_NAMES}` : 'must be an object, as in {"do":"cut"}',
    }),
  },
  { error: "must be a JSON object" },
);

/** A request for a fault on a connection. */
export type FaultRequest = z.output<typeof FaultRequest>;
export type Fault = FaultRequest["fault"];
export type FaultOf<Do extends Fault["do"]> = Extract<Fault, { do: Do }>;

/** Why a fault is not injected, with the error code of the response. */
export interface FaultRefusal {
  readonly code: Extract<ErrorCode, "malformed" | "too_large" | "invalid" | "not_found" | "unavailable">;
  readonly message: string;
}

/** Reads the body of `POST /test/faults`. */
export function readFaultRequest(
  text: string,
): { readonly request: FaultRequest } | { readonly refusal: FaultRefusal } {
  const { value, error } = parseJson(text);
  if (error === "too_large") return { refusal: { code: error, message: JSON_TOO_LARGE } };
  if (error !== undefined) return { refusal: { code: error, message: "The body is not JSON." } };
  const parsed = FaultRequest.safeParse(value);
  if (parsed.success) return { request: parsed.data };
  const [issue] = parsed.error.issues;
  const message = `\`${issue?.path.join(".") || "body"}\`: ${explain(issue)}.`;
  return { refusal: { code: "invalid", message } };
}

function explain(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code !== "unrecognized_keys") return issue?.message ?? "is not valid";
  return `has ${issue.keys.map((key) => `\`${key.slice(0, 40)}\``).join(", ")}, which there is not`;
}

function isClosable(code: number): boolean {
  return [1000, 1001, 1011, 1012, 1013].includes(code) || (code >= 4400 && code <= 4499);
}

/** Returns the close reason for the fault `close`: the one with which the server itself closes with that code. */
export function closeReasonOf({ code, reason, retry_after: asked }: FaultOf<"close">): CloseReason {
  const retryAfter = asked ?? (code === 4409 ? FULL_PLAN_RETRY_S : undefined);
  const known = Object.entries(ERRORS).find(([, entry]) => "close" in entry && entry.close === code);
  // 1013 has an error only where no client can be admitted; a slow reader gets none.
  const error = known !== undefined && code !== 1013 ? (known[0] as ErrorCode) : undefined;
  return {
    // Unknown codes from 4400 on can be tested too.
    code: code as CloseCode,
    reason: reason ?? describeClose(code).reason,
    ...(error !== undefined && {
      error: { code: error, message: `${ERRORS[error].what} A test asked for this.` },
    }),
    ...(retryAfter !== undefined && { retryAfter }),
  };
}

/** The steps of a clock jump. */
export interface ClockJump {
  /** The times to stop at, on the connection's own clock, so that no deadline is skipped. The last one is the target. */
  readonly stops: readonly number[];
  /** Whether the user counts as active during the jump: for a jump to the token's expiry, which inactivity must not prevent. */
  readonly active: boolean;
}

/** Plans a jump for a connection whose clock shows `now`; returns a sentence with the reason where there is no such time. */
export function planClockJump(
  session: Live,
  { to, seconds }: FaultOf<"jump">,
  now: number,
  rules: SessionRules,
): ClockJump | string {
  const quietEnd = rules.inactivity === 0 ? Number.POSITIVE_INFINITY : session.activeAt + rules.inactivity;
  // After the warning its time lies in the past.
  const isWarned = session.expiryWarningAt > session.expiresAt;
  const moments = {
    inactivity_warning: quietEnd - rules.inactivityWarning,
    inactivity: quietEnd,
    token_expiring: isWarned ? Number.NEGATIVE_INFINITY : session.expiryWarningAt,
    token_expiry: session.expiresAt,
  };
  const between = (end: number, times: readonly number[]) =>
    [...times.filter((time) => time > now && time < end), end].sort((a, b) => a - b);
  if (to === undefined)
    return { stops: between(now + (seconds ?? 0) * 1000, Object.values(moments)), active: false };
  const end = moments[to];
  const isToken = to === "token_expiring" || to === "token_expiry";
  if (end === Number.POSITIVE_INFINITY)
    return isToken ? "The token of this connection does not expire." : "INACTIVITY_TIMEOUT is 0: never.";
  if (end <= now) return `\`${to}\` has come already.`;
  if (isToken) return { stops: between(end, [moments.token_expiring]), active: true };
  if (moments.token_expiry <= end)
    return "The token of this connection ends before that. Send a new one, or jump to `token_expiry`.";
  return { stops: between(end, [moments.inactivity_warning, moments.token_expiring]), active: false };
}

/** Returns how many requests fill a user's quota, or a sentence with the reason why it cannot be filled. */
export function requestsToExhaustQuota(quota: Quota | null): number | string {
  if (quota === null) return "The user's plan is without limit: there is nothing to fill.";
  const { remaining } = quota;
  if (remaining > MAX_FILL_REQUESTS)
    return `${remaining} requests remain, and at most ${MAX_FILL_REQUESTS} are made. Use a smaller plan.`;
  return remaining;
}
