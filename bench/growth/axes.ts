import type { FillJob } from "./fill.ts";

/** Something that grows while the messages a second stay the same. */
export interface Axis {
  readonly name: string;
  readonly title: string;
  readonly points: readonly number[];
  /** Whether the relay can be measured along it; it stores nothing, so a full store does not affect it. */
  readonly relay: boolean;
  setupAt(point: number): GrowthSetup;
}

/** The traffic with which a point is measured. */
export interface GrowthSetup {
  readonly conversations: number;
  readonly members: number;
  /** Connections in addition to these, alone and silent. */
  readonly bystanders?: number;
  /** Messages a second, of all senders together. */
  readonly rate: number;
  /** The content of the store before the run. */
  readonly fill?: FillJob;
}

/** About a fifth of a core's capacity, so that a more expensive point is not at its limit. */
const MESSAGES_PER_S = 20_000;

/** Deliveries a second along `members`, where messages would grow with the room. */
const DELIVERIES_PER_S = 100_000;

const SENDERS = { conversations: 100, members: 1, rate: MESSAGES_PER_S };

/** The content of the store at every point of `full-quotas`, so that quotas alone differ. */
const STORED_MESSAGES = 1_000_000;

export const AXES: readonly Axis[] = [
  {
    name: "conversations",
    title: "conversations of one",
    points: [10, 100, 1000, 10_000],
    relay: true,
    setupAt: (conversations) => ({ conversations, members: 1, rate: MESSAGES_PER_S }),
  },
  {
    name: "stored",
    title: "stored messages",
    points: [10_000, 100_000, 1_000_000, 10_000_000],
    relay: false,
    setupAt: (stored) => ({ ...SENDERS, fill: { fullUsers: 0, messages: stored } }),
  },
  {
    name: "members",
    title: "members of each of ten rooms",
    points: [10, 100, 1000],
    relay: true,
    setupAt: (members) => ({ conversations: 10, members, rate: DELIVERIES_PER_S / members }),
  },
  {
    name: "full-quotas",
    title: "users whose hour is used up",
    points: [0, 100, 1000, 10_000],
    relay: false,
    setupAt: (fullUsers) => ({ ...SENDERS, fill: { fullUsers, messages: STORED_MESSAGES } }),
  },
  {
    name: "connections",
    title: "connections, all but 100 of them silent",
    points: [100, 1000, 5000, 15_000],
    relay: true,
    setupAt: (connections) => ({ ...SENDERS, bystanders: connections - SENDERS.conversations }),
  },
];
