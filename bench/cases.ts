import type { LoadJob, LoadResult, TrafficResult } from "./load/generator.ts";

/** Names on the command line and in the results. */
export type CaseName = "echo" | "fan-out" | "rooms" | "idle" | "resume" | "jitter";

export interface Case {
  readonly name: CaseName;
  /** What the figure is, as a row of the table says it. */
  readonly title: string;
  readonly unit: "/s" | "B" | "×";
  /** The peers that can do it; all of them without. */
  readonly peers?: readonly string[];
  /** Connections, `members` in each conversation. */
  readonly conversations: number;
  readonly members: number;
  /** How the load drives them. */
  readonly load: Pick<
    LoadJob,
    "scenario" | "inFlight" | "textBytes" | "warmUp" | "seconds" | "missed" | "rate"
  >;
  /** The figure of one run. */
  figure(result: LoadResult): number;
}

/** Long enough for the compiler to have settled, and for a checkpoint of the store to fall into the counting. */
const TRAFFIC = { scenario: "traffic", textBytes: 64, warmUp: 2, seconds: 4 } as const;

export const CASES: readonly Case[] = [
  {
    name: "echo",
    title: "Echo: messages answered, 100 conversations of one, 8 in flight each",
    unit: "/s",
    conversations: 100,
    members: 1,
    load: { ...TRAFFIC, inFlight: 8 },
    figure: (result) => traffic(result).answered / traffic(result).seconds,
  },
  {
    name: "fan-out",
    title: "Fan-out: messages delivered, one sender in a room of 100, 32 in flight",
    unit: "/s",
    conversations: 1,
    members: 100,
    // As many as MAX_WAITING_FRAMES lets one connection have: more would measure how Parley pauses a sender.
    load: { ...TRAFFIC, inFlight: 32 },
    figure: (result) => traffic(result).delivered / traffic(result).seconds,
  },
  {
    name: "rooms",
    title: "Rooms: messages delivered, 100 rooms of 10, one sender in each with 8 in flight",
    unit: "/s",
    conversations: 100,
    members: 10,
    load: { ...TRAFFIC, inFlight: 8 },
    figure: (result) => traffic(result).delivered / traffic(result).seconds,
  },
  {
    name: "idle",
    title: "Idle: server memory per connection, 10,000 users in a conversation each",
    unit: "B",
    peers: ["relay", "parley"],
    conversations: 10_000,
    members: 1,
    load: { scenario: "idle" },
    figure: (result) => {
      if (!("before" in result)) throw new Error("the idle case was answered with a traffic result");
      return (result.after - result.before) / result.connections;
    },
  },
  {
    name: "resume",
    title: "Resume: what a pair that talks feels of 5,000 who come back at once, 20 messages missed by each",
    unit: "×",
    peers: ["parley"],
    conversations: 500,
    members: 10,
    load: { scenario: "resume", textBytes: 64, missed: 20, rate: 100 },
    figure: (result) => {
      if (!("resumeP99" in result)) throw new Error("the resume case was answered with another's result");
      return result.resumeP99 / result.quietP99;
    },
  },
];

function traffic(result: LoadResult): TrafficResult {
  if (!("delivered" in result)) throw new Error("a traffic case was answered with an idle result");
  return result;
}
