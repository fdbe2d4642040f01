import type { FillJob } from "./fill.ts";

/** Something that grows while the messages a second stay the same. */
export interface Axis {
  readonly name: string;
  readonly title: string;
  readonly points: readonly number[];
  /** Whether the relay can be measured along it; it keeps nothing, so a full store says nothing of it. */
  readonly relay: boolean;
  at(point: number): Situation;
}

/** What one point is measured in. */
export interface Situation {
  readonly conversations: number;
  readonly members: number;
  /** Connections beside these, alone and silent. */
  readonly bystanders?: number;
  /** Messages a second, of all senders together. */
  readonly rate: number;
  /** What the store holds before. */
  readonly fill?: FillJob;
}

/** About a fifth of what a core can do, so that a point that costs more is not at its limit. */
const RATE = 20_000;

/** Deliveries a second along `members`, where messages would grow with the room. */
const DELIVERIES = 100_000;

const SPEAKERS = { conversations: 100, members: 1, rate: RATE };

/** What the store holds at every point of `full-quotas`, so that quotas alone differ. */
const STORED = 1_000_000;

export const AXES: readonly Axis[] = [
  {
    name: "conversations",
    title: "conversations of one",
    points: [10, 100, 1000, 10_000],
    relay: true,
    at: (conversations) => ({ conversations, members: 1, rate: RATE }),
  },
  {
    name: "stored",
    title: "stored messages",
    points: [10_000, 100_000, 1_000_000, 10_000_000],
    relay: false,
    at: (stored) => ({ ...SPEAKERS, fill: { fullUsers: 0, messages: stored } }),
  },
  {
    name: "members",
    title: "members of each of ten rooms",
    points: [10, 100, 1000],
    relay: true,
    at: (members) => ({ conversations: 10, members, rate: DELIVERIES / members }),
  },
  {
    name: "full-quotas",
    title: "users whose hour is used up",
    points: [0, 100, 1000, 10_000],
    relay: false,
    at: (fullUsers) => ({ ...SPEAKERS, fill: { fullUsers, messages: STORED } }),
  },
  {
    name: "connections",
    title: "connections, all but 100 of them silent",
    points: [100, 1000, 5000, 15_000],
    relay: true,
    at: (connections) => ({ ...SPEAKERS, bystanders: connections - SPEAKERS.conversations }),
  },
];
