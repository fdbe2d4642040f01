import type { LoadJob, LoadResult, SlowResult, TokenResult, TrafficResult } from "./load-generator.ts";

/** Names on the command line and in the results. */
export type CaseName =
  | "echo"
  | "fan-out"
  | "fan-out-1000"
  | "rooms"
  | "latency"
  | "connect"
  | "idle"
  | "resume"
  | "slow"
  | "token"
  | "jitter";

export interface Case {
  readonly name: CaseName;
  /** The figure's name in a row of the table. */
  readonly title: string;
  readonly unit: "/s" | "B" | "×" | "ms";
  /** Which way is better, for plots and comparisons. */
  readonly better: "more" | "less";
  /** The peers that can do it; all of them without. */
  readonly peers?: readonly string[];
  /** Connections, `members` in each conversation. */
  readonly conversations: number;
  readonly members: number;
  /** Whether people sign in with a password in it. */
  readonly accounts?: boolean;
  /** How the load drives them. */
  readonly load: Omit<LoadJob, "port" | "pid" | "storePid" | "paths" | "protocol" | "roomSize">;
  /** The differences with `--quick`, which compares ratios only; undefined where the case is left out there. */
  readonly quick?: Partial<Pick<Case, "conversations" | "load">>;
  /** The figure of one run. */
  figure(result: LoadResult): number;
}

/** Long enough for the compiler to have settled, and for a checkpoint of the store to fall into the counting. */
const TRAFFIC_LOAD = { scenario: "traffic", textBytes: 64, warmUp: 1.5, seconds: 3 } as const;
const QUICK_LOAD = { ...TRAFFIC_LOAD, warmUp: 1, seconds: 2 } as const;

const answeredPerSecond = (result: LoadResult) => trafficOf(result).answered / trafficOf(result).seconds;
const deliveredPerSecond = (result: LoadResult) => trafficOf(result).delivered / trafficOf(result).seconds;

/** All that keep everything in one process. */
const SINGLE_NODE_PEERS = ["relay", "parley", "centrifuge", "socket.io", "ws", "fastapi"];

/** First so many paths of the case `connect` are connected and left before counting: `connectWarmup` in connect.go. */
const CONNECT_WARMUP = 1000;

export const CASES: readonly Case[] = [
  {
    name: "echo",
    title: "Echo: messages acked, 100 conversations of one, 8 in flight each",
    unit: "/s",
    better: "more",
    conversations: 100,
    members: 1,
    load: { ...TRAFFIC_LOAD, inFlight: 8 },
    quick: { load: { ...QUICK_LOAD, inFlight: 8 } },
    figure: answeredPerSecond,
  },
  {
    name: "fan-out",
    title: "Fan-out: messages delivered, one sender in a room of 100, 32 in flight",
    unit: "/s",
    better: "more",
    conversations: 1,
    members: 100,
    // As many as MAX_WAITING_FRAMES lets one connection have: more would measure how Parley pauses a sender.
    load: { ...TRAFFIC_LOAD, inFlight: 32 },
    quick: { load: { ...QUICK_LOAD, inFlight: 32 } },
    figure: deliveredPerSecond,
  },
  {
    name: "fan-out-1000",
    title: "Fan-out to 1,000: messages delivered, one sender in a room of 1,000, 32 in flight",
    unit: "/s",
    better: "more",
    peers: SINGLE_NODE_PEERS,
    conversations: 1,
    members: 1000,
    load: { ...TRAFFIC_LOAD, inFlight: 32 },
    quick: { load: { ...QUICK_LOAD, inFlight: 32 } },
    figure: deliveredPerSecond,
  },
  {
    name: "rooms",
    title: "Rooms: messages delivered, 100 rooms of 10, one sender in each with 8 in flight",
    unit: "/s",
    better: "more",
    conversations: 100,
    members: 10,
    load: { ...TRAFFIC_LOAD, inFlight: 8 },
    quick: { load: { ...QUICK_LOAD, inFlight: 8 } },
    figure: deliveredPerSecond,
  },
  {
    name: "latency",
    title: "Latency: p99 from when a message was due to when it was read, 1,000/s in 100 rooms of 10",
    unit: "ms",
    better: "less",
    peers: SINGLE_NODE_PEERS,
    conversations: 100,
    members: 10,
    load: { ...TRAFFIC_LOAD, seconds: 5, rate: 1000 },
    quick: { load: { ...QUICK_LOAD, seconds: 3, rate: 1000 } },
    figure: (result) => latencyOf(result).p99,
  },
  {
    name: "connect",
    title: "Connect: clients let in, 5,000 with a signed token each (the relay without)",
    unit: "/s",
    better: "more",
    peers: SINGLE_NODE_PEERS,
    conversations: CONNECT_WARMUP + 5000,
    members: 1,
    load: { scenario: "connect" },
    quick: {},
    figure: answeredPerSecond,
  },
  {
    name: "idle",
    title: "Idle: server memory per connection, 15,000 users in a conversation each",
    unit: "B",
    better: "less",
    peers: ["relay", "parley", "centrifuge", "socket.io", "ws"],
    conversations: 15_000,
    members: 1,
    load: { scenario: "idle" },
    quick: { conversations: 10_000 },
    figure: (result) => {
      if (!("before" in result)) throw new Error("the idle case was given the result of another case");
      return (result.after - result.before) / result.connections;
    },
  },
  {
    name: "resume",
    title: "Resume: latency of an active pair while 5,000 clients resume at once, 20 missed messages each",
    unit: "×",
    better: "less",
    peers: ["parley"],
    conversations: 500,
    members: 10,
    load: { scenario: "resume", textBytes: 64, missed: 20, rate: 100 },
    figure: (result) => {
      if (!("resumeP99" in result)) throw new Error("the resume case was given the result of another case");
      return result.resumeP99 / result.quietP99;
    },
  },
  {
    name: "slow",
    title:
      "Slow reader: p99 of the others in a room of 20 once one stops reading, 1,000 messages of 2 kB a second",
    unit: "ms",
    better: "less",
    peers: ["relay", "parley", "centrifuge", "socket.io", "ws"],
    conversations: 1,
    members: 20,
    load: { scenario: "slow", textBytes: 2000, warmUp: 1, seconds: 2, rate: 1000 },
    figure: (result) => latencyOf(result).p99,
  },
  {
    name: "token",
    title: "Sign-in: tokens given for a password (bcrypt, cost 12), 4 people at a time, while a pair talks",
    unit: "/s",
    better: "more",
    peers: ["parley", "fastapi"],
    conversations: 1,
    members: 2,
    accounts: true,
    load: {
      scenario: "token",
      textBytes: 64,
      warmUp: 1.5,
      seconds: 3,
      rate: 100,
      signIns: 4,
      form: "username=user1&password=password&grant_type=password",
    },
    figure: (result) => signInOf(result).signedIn / signInOf(result).seconds,
  },
];

/** A case as `--quick` runs it. */
export function quickVariant(kase: Case): Case {
  return { ...kase, ...kase.quick };
}

function trafficOf(result: LoadResult): TrafficResult {
  if (!("delivered" in result)) throw new Error("a traffic case was given the result of another case");
  return result;
}

function latencyOf(result: LoadResult) {
  const { latency } = trafficOf(result);
  if (latency === undefined) throw new Error("no scheduled message was received");
  return latency;
}

function signInOf(result: LoadResult): TokenResult {
  if (!isSignIn(result)) throw new Error("the token case was given the result of another case");
  return result;
}

export const isSignIn = (result: LoadResult): result is TokenResult => "signedIn" in result;
export const isSlow = (result: LoadResult): result is SlowResult => "memoryMost" in result;
