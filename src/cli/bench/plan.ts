import type { PlanUsage } from "../server/server-api.ts";

/** A run as it was asked for. */
export interface BenchPlan {
  readonly clients: number;
  /** Messages in all; undefined where the time alone ends it. */
  readonly messages: number | undefined;
  /** Bytes of text in each message. */
  readonly size: number;
  /** Messages a second in all; undefined: each client sends the next one when one is acked. */
  readonly rate: number | undefined;
  /** Seconds; undefined where the messages alone end it. */
  readonly duration: number | undefined;
  /** How many of a client's messages are under way at once, without a rate. */
  readonly inFlight: number;
  /** Whether all clients are in one conversation, where each hears all. */
  readonly together: boolean;
}

/** How a server is started that can be measured; 0 is without limit. */
export const SERVER_TO_MEASURE = "PLANS=free:0:0,basic:0:0,premium:0:0 BURST_RATE=0 npm start";

const ADVICE = `Use a user with a larger plan (parley user set-plan), or measure a server of your own without limits: ${SERVER_TO_MEASURE}`;

/** How many messages a run comes to; `Infinity` where only time ends it. With a rate, time is a number of messages. */
export function messageCount({ messages, rate, duration }: BenchPlan): number {
  const due =
    rate === undefined || duration === undefined ? Number.POSITIVE_INFINITY : Math.ceil(rate * duration);
  return Math.min(messages ?? Number.POSITIVE_INFINITY, due);
}

/** Why a run cannot come to its end under the user's plan, and what to do; undefined where it can. */
export function planRefusal(plan: BenchPlan, user: string, usage: PlanUsage): string | undefined {
  const { clients } = plan;
  const { quota, connections } = usage;
  if (connections !== 0 && clients > connections)
    return `${clients} clients are more than the ${connections} connections that ${user} may have open (plan ${usage.plan}). ${ADVICE}`;
  const wanted = messageCount(plan);
  if (quota !== null && wanted !== Number.POSITIVE_INFINITY && wanted > quota.remaining)
    return `${wanted} messages are more than the ${quota.remaining} requests that ${user} has left in this hour (plan ${usage.plan}). ${ADVICE}`;
  return undefined;
}

/** What to say when a limit of the server ends a run: the plan's, or that of frames a second. */
export function limitRefusal(code: "rate_limited" | "flooding", user: string): string {
  return code === "rate_limited"
    ? `The plan of ${user} allows no more requests in this hour (rate_limited). ${ADVICE}`
    : `A connection sent more frames a second than the server allows (flooding): BURST_RATE is 20 unless it was set. Give a --rate below 20 for each client, or measure a server of your own without limits: ${SERVER_TO_MEASURE}`;
}
