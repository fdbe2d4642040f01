import { LOG_LEVELS } from "../log/levels.ts";
import { ACCOUNT_SETTINGS } from "./groups/accounts.ts";
import { APPROVAL_SETTINGS } from "./groups/approval.ts";
import { CONVERSATION_SETTINGS } from "./groups/conversations.ts";
import { EVENT_SETTINGS } from "./groups/events.ts";
import { OPERATION_SETTINGS } from "./groups/operation.ts";
import {
  anyString,
  choice,
  host,
  integer,
  list,
  network,
  origin,
  readableFile,
  redisPrefix,
  redisUrl,
  seconds,
  testFaultsMode,
} from "./parsers.ts";
import { planList } from "./plan-list.ts";
import type { Setting } from "./setting.ts";

// The one table of settings. From it come the names in the environment and the flags, the checks and their messages,
// `--help`, docs/SETTINGS.md, .env.example and the type `Settings`.

/** Every setting, in the order in which it is shown. */
export const SETTINGS = {
  HOST: {
    group: "Address",
    kind: host,
    about: "address to listen on; 0.0.0.0 or :: for all",
    default: "127.0.0.1",
    reason: "a new installation can be reached from this machine only",
  },
  PORT: {
    group: "Address",
    kind: integer("port", 0, 65535),
    about: "port to listen on; 0 takes any free one",
    default: "8000",
  },
  TLS_CERT: {
    group: "Address",
    kind: readableFile,
    about: "certificate chain (PEM) to serve https and wss with; needs TLS_KEY",
  },
  TLS_KEY: { group: "Address", kind: readableFile, about: "private key (PEM) of TLS_CERT" },
  ALLOWED_ORIGINS: {
    group: "Address",
    kind: list("origins", "origins `scheme://host:port` with commas between them", origin),
    about: "origins of web pages that may sign in and connect; unset: the server's own console only",
    default: "",
  },
  TRUSTED_PROXIES: {
    group: "Address",
    kind: list("networks", "addresses or networks `10.0.0.0/8` with commas between them", network),
    about: "proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; unset: none",
    default: "",
  },

  DATA_DIR: {
    group: "Data",
    kind: anyString("folder", "a path"),
    about: "folder of the embedded store's files; not used with Redis",
    default: "./data",
  },
  STORE_SYNC: {
    group: "Data",
    kind: choice("normal", "full"),
    about:
      "when a commit waits for the disk: `normal` survives a crash of the server, `full` also a power cut, but is slower",
    default: "normal",
  },
  RETENTION_MESSAGES: {
    group: "Data",
    kind: integer("count", 0, 1_000_000_000),
    about: "newest messages of each conversation that are kept; 0 keeps all",
    unset: "0; with Redis 10000",
    reason:
      "a disk has room, and messages are only removed if an operator wants it; Redis holds all in memory",
  },
  RETENTION_DAYS: {
    group: "Data",
    kind: integer("days", 0, 36_500),
    about: "age in days from which messages are removed; 0 keeps them for ever",
    unset: "0; with Redis 30",
  },

  ...EVENT_SETTINGS,
  ...ACCOUNT_SETTINGS,

  PLANS: {
    group: "Plans",
    kind: planList,
    about: "the plans: name, requests an hour, connections at a time; 0 is without limit",
    default: "free:100:5,basic:1000:20,premium:10000:100",
  },
  DEFAULT_PLAN: {
    group: "Plans",
    kind: anyString("plan", "a name from PLANS"),
    about: "plan of users for whom none is known",
    default: "free",
  },

  INACTIVITY_TIMEOUT: {
    group: "Connections",
    kind: seconds(0, 604_800),
    about: "time without activity after which a connection is closed, in seconds; 0 never",
    default: "300",
  },
  MAX_CONNECTIONS: {
    group: "Connections",
    kind: integer("count", 0, 1_000_000),
    about: "connections in all; 0 is without limit",
    default: "15000",
    reason: "the most that was measured on one core",
  },
  MAX_CONNECTIONS_PER_ADDRESS: {
    group: "Connections",
    kind: integer("count", 0, 1_000_000),
    about:
      "connections from one address (not from this machine), of which 50 may be without a credential; 0 is without limit",
    default: "1000",
    reason: "an office of 200 people with two tabs each, counted twice while it changes networks",
  },
  HANDSHAKES_PER_MINUTE: {
    group: "Connections",
    kind: integer("count", 0, 1_000_000),
    about:
      "new connections a minute from one address (not from this machine), of which 60 may show no good credential; 0 is without limit",
    default: "1200",
    reason: "that office may come back three times in a minute",
  },
  BURST_RATE: {
    group: "Connections",
    kind: integer("count", 0, 1_000_000),
    about:
      "frames a second from one connection, and HTTP requests a second of one user (5 times as many of an address without a credential, 50 times as many of an API key); 0 switches the guard off",
    default: "20",
    reason: "faster than typing, slower than a flood",
  },
  BURST_SIZE: {
    group: "Connections",
    kind: integer("count", 1, 1_000_000),
    about: "frames, or HTTP requests, that may come at once before BURST_RATE holds",
    default: "40",
  },
  CREDENTIAL_TIMEOUT: {
    group: "Connections",
    kind: seconds(0.1, 300),
    about: "time a connection has to send its token, in seconds",
    default: "5",
  },
  PING_INTERVAL: {
    group: "Connections",
    kind: seconds(0.1, 3600),
    about: "time between two pings of a connection, in seconds",
    default: "25",
    reason: "proxies drop a connection that is idle for 30 to 60 seconds",
  },
  PONG_TIMEOUT: {
    group: "Connections",
    kind: seconds(0.1, 3600),
    about: "time without an answer to a ping after which a connection counts as lost, in seconds",
    default: "10",
  },
  MAX_UNSENT_BYTES: {
    group: "Connections",
    kind: integer("bytes", 1024, 1_073_741_824),
    about: "bytes waiting for a reader that does not keep up before it is closed (1013)",
    default: "1048576",
    reason: "sixteen of the largest frames",
  },
  KEEP_ALIVE_TIMEOUT: {
    group: "Connections",
    kind: integer("seconds", 1, 255),
    about: "time for which an idle HTTP connection stays open after its last response, in seconds",
    default: "75",
    reason: "balancers keep theirs for 60 seconds, and must be the first to close",
  },
  MAX_WAITING_FRAMES: {
    group: "Connections",
    kind: integer("count", 1, 10_000),
    about: "frames of one connection waiting for an answer before it is paused",
    default: "32",
  },
  PRESENCE_GRACE: {
    group: "Connections",
    kind: seconds(0, 3600),
    about: "seconds for which a user whose last connection ended still counts as present",
    default: "5",
    reason: "a reconnect is not a leave and a join",
  },
  DRAIN_SECONDS: {
    group: "Connections",
    kind: seconds(0, 3600),
    about: "seconds over which reconnects are spread when the server stops",
    default: "10",
    reason: "thousands that come back in one second would all wait",
  },

  ...CONVERSATION_SETTINGS,

  ...APPROVAL_SETTINGS,
  ...OPERATION_SETTINGS,

  LOG_LEVEL: {
    group: "Log",
    kind: choice(...LOG_LEVELS),
    about: "least important lines that are written; debug has one for each message",
    default: "info",
  },
  LOG_FORMAT: {
    group: "Log",
    kind: choice("auto", "json", "pretty"),
    about: "JSON lines or text; auto is text on a terminal, which alone gets colours (NO_COLOR: none)",
    default: "auto",
  },

  TEST_FAULTS: {
    group: "Testing",
    kind: testFaultsMode,
    about:
      "whether clients may ask for faults on their own connections (docs/TESTING.md); `true` needs a HOST of this machine only and no TRUSTED_PROXIES, `public` allows it anywhere",
    default: "false",
    reason: "a client that can freeze connections and move clocks gets around limits of the server",
  },

  REDIS_HOST: {
    group: "Clustering",
    kind: host,
    about: "host of the Redis that several nodes share; unset, with REDIS_URL unset too: the embedded store",
  },
  REDIS_PORT: {
    group: "Clustering",
    kind: integer("port", 1, 65535),
    about: "port of Redis; ignored without REDIS_HOST",
    default: "6379",
  },
  REDIS_URL: {
    group: "Clustering",
    kind: redisUrl,
    about:
      "Redis as a URL, with user, password, TLS, several hosts for Cluster, or Sentinel; instead of REDIS_HOST",
    secret: true,
  },
  REDIS_USERNAME: {
    group: "Clustering",
    kind: anyString("name", "a text"),
    about: "ACL user of Redis, where REDIS_URL names none",
  },
  REDIS_PASSWORD: {
    group: "Clustering",
    kind: anyString("password", "a text"),
    about: "password of Redis, where REDIS_URL has none",
    secret: true,
  },
  REDIS_PREFIX: {
    group: "Clustering",
    kind: redisPrefix,
    about: "begins the name of every key, so that several Parleys can share a Redis",
    default: "parley",
  },
  ACK_AFTER: {
    group: "Clustering",
    kind: choice("primary", "replica"),
    about: "when a message counts as stored in Redis: on the primary, or on a replica too",
    default: "primary",
    reason:
      "a replica may be missing or far away; after a failover, clients learn of messages that were lost",
  },
  NODE_LEASE: {
    group: "Clustering",
    kind: seconds(1, 300),
    about: "how long a node counts as alive that does not renew its lease",
    default: "5",
    reason: "a pause of the machine is shorter; users of a crashed node leave after it",
  },
  ERASE_REWRITE: {
    group: "Clustering",
    kind: integer("minutes", 0, 7 * 24 * 60),
    about:
      "minutes between two rewritings of Redis's append-only file that Parley asks for because texts were erased; 0: it never asks",
    default: "60",
    reason:
      "the file holds erased texts until it is rewritten, and a rewriting costs memory and time of Redis",
  },
  STARTUP_TIMEOUT: {
    group: "Clustering",
    kind: seconds(0, 3600),
    about: "how long a start waits for Redis",
    default: "60",
  },
} as const satisfies Record<string, Setting<unknown>>;

/** Name of a setting in the environment. */
export type SettingName = keyof typeof SETTINGS;

/** All names, in the order of the table. */
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** The row of `name` in its general form. */
export function setting(name: SettingName): Setting<unknown> {
  return SETTINGS[name];
}

/** The flag of a setting, `--inactivity-timeout`; undefined for secrets. */
export function flagOf(name: SettingName): string | undefined {
  return setting(name).secret ? undefined : `--${name.toLowerCase().replaceAll("_", "-")}`;
}
