import type { PlanUsage } from "../server/server-api.ts";

/** The options of a run. */
export interface BenchPlan {
  readonly clients: number;
  /** Messages in all; undefined if only the duration ends the run. */
  readonly messages: number | undefined;
  /** Bytes of text in each message. */
  readonly size: number;
  /** Messages a second in all; undefined: each client sends its next message when one is acked. */
  readonly rate: number | undefined;
  /** Seconds; undefined if only the number of messages ends the run. */
  readonly duration: number | undefined;
  /** Unacked messages of a client at once, without a rate. */
  readonly inFlight: number;
  /** Whether all clients share one conversation and receive each other's messages. */
  readonly together: boolean;
}

/** The command that starts a server without limits (0), for measuring. */
export const SERVER_TO_MEASURE = "PLANS=free:0:0,basic:0:0,premium:0:0 BURST_RATE=0 npm start";

const ADVICE = `Use a user with a larger plan (parley user set-plan), or measure your own server without limits: ${SERVER_TO_MEASURE}`;

/** Returns the number of messages of a run; `Infinity` if only the duration ends it. With a rate, a duration is a number of messages. */
export function messageCount({ messages, rate, duration }: BenchPlan): number {
  const due =
    rate === undefined || duration === undefined ? Number.POSITIVE_INFINITY : Math.ceil(rate * duration);
  return Math.min(messages ?? Number.POSITIVE_INFINITY, due);
}

/** Returns why a run would exceed the user's plan, and what to do; undefined if it would not. */
export function planRefusal(plan: BenchPlan, user: string, usage: PlanUsage): string | undefined {
  const { clients } = plan;
  const { quota, connections } = usage;
  if (connections !== 0 && clients > connections)
    return `${clients} clients are more than the ${connections} connections that the plan ${usage.plan} allows ${user}. ${ADVICE}`;
  const wanted = messageCount(plan);
  if (quota !== null && wanted !== Number.POSITIVE_INFINITY && wanted > quota.remaining)
    return `${wanted} messages are more than the ${quota.remaining} requests that ${user} has left in this hour (plan ${usage.plan}). ${ADVICE}`;
  return undefined;
}

/** Returns the message for a run that a limit of the server ended: that of the plan, or of frames a second. */
export function limitRefusal(code: "rate_limited" | "flooding", user: string): string {
  return code === "rate_limited"
    ? `The plan of ${user} allows no more requests in this hour (rate_limited). ${ADVICE}`
    : `A connection sent more frames a second than the server allows (flooding): BURST_RATE, 20 by default. Use a --rate below 20 for each client, or measure your own server without limits: ${SERVER_TO_MEASURE}`;
}
