/** What faults of the connection say, and what it means for an operator. The first that fits counts. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, "nothing listens there"],
  [/ENOTFOUND|EAI_AGAIN/, "its host name is not known"],
  [/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/, "it cannot be reached from this machine"],
  [/WRONGPASS|invalid password/, "it refuses the user or the password"],
  [/NOAUTH/, "it asks for a password: set REDIS_PASSWORD, or put it in REDIS_URL"],
  [/NOPERM/, "its ACL user lacks rights; docs/OPERATIONS.md has those it needs"],
  [/DENIED/, "it is in protected mode and takes only connections of its own machine"],
  [/LOADING/, "it is still loading its data"],
  [/MISCONF/, "it cannot write its data to disk"],
  [/READONLY|MASTERDOWN|NOREPLICAS/, "it takes no writes: it is a replica, or lacks replicas itself"],
  [/CLUSTERDOWN/, "the Cluster is down: slots are without a primary"],
  [/cluster support disabled/i, "it is no Redis Cluster: name one host, without `cluster=true`"],
  // Where none has sharded channels the others serve (RedisClient.isSharded); the server that was asked has them.
  [
    /unknown command.*s(subscribe|publish)/i,
    "some servers of the Cluster are older than version 7 and others are not: update them all",
  ],
  [/All sentinels are unreachable/, "no Sentinel answers, or none knows that primary"],
  [/certificate|altname|self.signed/i, "its certificate is not accepted"],
  [/wrong version number|SSL routines|packet length too long/i, "it does not speak TLS: use redis://"],
  [/Unknown RESP type|Protocol error/i, "what answers there is not Redis"],
  [/timed? ?out/i, "it does not answer in time"],
];

/** What says only that there is no connection, and not why. */
const SAYS_NOTHING =
  /^$|^Stream isn't writeable|^Connection is closed|startup nodes is available|slots cache|Cluster isn't ready/;

/** Whether the text of a fault tells more than that there is no connection. */
export function isTelling(fault: string): boolean {
  return !SAYS_NOTHING.test(fault);
}

/** Why Redis cannot be used, in words for an operator; what has none is repeated as it is. */
export function explainFault(fault: string): string {
  const known = WORDS.find(([pattern]) => pattern.test(fault));
  if (known !== undefined) return known[1];
  return isTelling(fault) ? fault : "it does not answer";
}

/** What could not be asked of Redis, though the fault itself is in the log already. */
export class RedisAway extends Error {
  constructor() {
    super("Redis cannot be asked now.");
  }
}

/** What a client or a server says that cannot serve at the moment; another try may find one that can. */
const AWAY =
  /^(CLUSTERDOWN|TRYAGAIN|MOVED|ASK|LOADING|MASTERDOWN|READONLY|NOREPLICAS)\b|redirections|timed? ?out|ECONN|EPIPE|Connection is closed/i;

/** Whether a call failed because Redis, or the server of a Cluster that was asked, could not be reached. */
export function isFaultOfConnection(error: unknown): boolean {
  if (error instanceof RedisAway) return true;
  const text = error instanceof Error ? error.message : String(error);
  return AWAY.test(text) || !isTelling(text);
}
