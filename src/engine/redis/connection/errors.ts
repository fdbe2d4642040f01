// The errors of calls to Redis and of the connections to it. One table decides what they mean for the log, for clients and for
// the next step of this node.

/** The meaning of an error. */
export interface StoreError {
  /** A text for operators, which follows "Redis at …: ". */
  readonly description: string;
  /** Whether Redis was reached and refused the call: an operator must change that Redis, or its state must pass. */
  readonly refuses: boolean;
}

type Description = string | ((match: RegExpExecArray) => string);

const UNREACHABLE = false;
const REFUSES = true;

/**
 * The first pattern that matches applies. Redis before 7 puts the error of a command inside that of its script ("ERR Error
 * running script …: -OOM command not allowed"), so the patterns match a code anywhere in the text.
 */
const ERROR_PATTERNS: readonly (readonly [RegExp, typeof UNREACHABLE | typeof REFUSES, Description])[] = [
  [
    /database (\d+) cannot be selected: (.*)/,
    REFUSES,
    ([, database, reason]) => {
      const why = /out of range/.test(reason!)
        ? "it has none of that number"
        : /NOPERM|no permissions/i.test(reason!)
          ? "its ACL user may not run SELECT for it"
          : reason;
      return `database ${database} cannot be selected (${why}): name another one in its address, or change the settings of that Redis`;
    },
  ],
  [/ECONNREFUSED/, UNREACHABLE, "nothing listens there"],
  [/ENOTFOUND|EAI_AGAIN/, UNREACHABLE, "its host name is not known"],
  [/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/, UNREACHABLE, "it cannot be reached from this machine"],
  [/ECONNRESET|ECONNABORTED|EPIPE/, UNREACHABLE, "the connection to it was cut"],
  [/WRONGPASS|invalid password/, REFUSES, "it refuses the user or the password"],
  [/\bNOAUTH\b/, REFUSES, "it asks for a password: set REDIS_PASSWORD, or put it in REDIS_URL"],
  [
    // The server that was asked at the start has sharded channels, or this node would use plain ones (RedisClient.isSharded).
    /unknown command.*s(subscribe|publish)/i,
    UNREACHABLE,
    "some servers of the Cluster are older than version 7 and others are not: update them all",
  ],
  [
    /(?:permissions to run the|unknown command) ['`]([\w|]+)/i,
    REFUSES,
    ([, command]) =>
      `its ACL user may not run ${command?.toUpperCase()}; docs/OPERATIONS.md has the rights it needs`,
  ],
  [
    /NOPERM|No permissions to access|executing the script can't|ACL failure in script|Unknown Redis command/,
    REFUSES,
    "its ACL user lacks rights; docs/OPERATIONS.md has those it needs",
  ],
  [/\bDENIED\b/, REFUSES, "it is in protected mode and takes only connections of its own machine"],
  [/max number of clients/, REFUSES, "it has as many clients as its setting maxclients allows"],
  [/\bLOADING\b/, REFUSES, "it is still loading its data"],
  // This concerns one key and not Redis as a whole, so this node continues to serve the others.
  [
    /\bWRONGTYPE\b/,
    UNREACHABLE,
    "a key holds another type than Parley keeps there: remove or restore that key",
  ],
  [/\bOOM\b/, REFUSES, "its memory is full (maxmemory), so it takes no writes"],
  [/\bMISCONF\b/, REFUSES, "it cannot write its data to disk"],
  [/\bREADONLY\b/, REFUSES, "it is a replica and takes no writes"],
  [/\bMASTERDOWN\b/, REFUSES, "it is a replica that has lost its primary"],
  [
    /\bNOREPLICAS\b/,
    REFUSES,
    "it has fewer replicas than min-replicas-to-write asks for, so it takes no writes",
  ],
  [/\bBUSY\b/, REFUSES, "it is busy with a script of another client"],
  [/script killed by user/i, REFUSES, "a script was stopped with SCRIPT KILL"],
  [/no replica had it within/, REFUSES, "no replica answers, and ACK_AFTER=replica waits for one"],
  [/max retries per request|aborted due to connection close/i, UNREACHABLE, "the connection to it was cut"],
  [/CLUSTERDOWN/, UNREACHABLE, "the Cluster is down: slots are without a primary"],
  [
    /^(MOVED|ASK|TRYAGAIN) |redirections|non local key/,
    UNREACHABLE,
    "a slot of the Cluster is on its way to another primary",
  ],
  [/cluster support disabled/i, REFUSES, "it is no Redis Cluster: name one host, without `cluster=true`"],
  [/All sentinels are unreachable/, UNREACHABLE, "no Sentinel answers, or none knows that primary"],
  [/certificate|altname|self.signed/i, UNREACHABLE, "its certificate is not accepted"],
  [
    /wrong version number|SSL routines|packet length too long/i,
    UNREACHABLE,
    "it does not speak TLS: use redis://",
  ],
  [/Unknown RESP type|Protocol error/i, UNREACHABLE, "what answers there is not Redis"],
  [/timed? ?out/i, UNREACHABLE, "it does not answer in time"],
];

/** Errors that only say that there is no connection, and not why. */
const UNINFORMATIVE =
  /^$|^Stream isn't writeable|^Connection is closed|startup nodes is available|slots cache|Cluster isn't ready/;

/** Returns the meaning of the error of a call to Redis; undefined if Parley itself caused the error. */
export function classifyError(error: unknown): StoreError | undefined {
  if (error instanceof RedisUnavailable) return { description: "it does not answer", refuses: UNREACHABLE };
  const text = error instanceof Error ? error.message : String(error);
  for (const [pattern, refuses, description] of ERROR_PATTERNS) {
    const match = pattern.exec(text);
    if (match !== null)
      return { description: typeof description === "string" ? description : description(match), refuses };
  }
  return isInformative(text) ? undefined : { description: "it does not answer", refuses: UNREACHABLE };
}

/** Whether an error text gives a reason, and not only says that there is no connection. */
export function isInformative(message: string): boolean {
  return !UNINFORMATIVE.test(message);
}

/** Returns a text for operators about an error of Redis; the error's own text if there is none in the table. */
export function explainError(message: string): string {
  return classifyError(message)?.description ?? message;
}

/** Whether a key has another type than Parley uses for it, because another program writes under the same prefix. */
export function isWrongType(error: unknown): boolean {
  return /\bWRONGTYPE\b/.test(error instanceof Error ? error.message : String(error));
}

/** Raised when Redis is unavailable. The reason is in the log already. */
export class RedisUnavailable extends Error {
  constructor() {
    super("Redis cannot be asked now.");
  }
}

/** Raised when the Redis user of this node may not run a command that Parley needs. */
export class MissingPermission extends Error {
  constructor(command: string) {
    super(`NOPERM this user has no permissions to run the '${command}' command`);
  }
}

/** Raised when Redis refuses SELECT. Nothing may be read from or written to that connection. */
export class DatabaseRefused extends Error {
  constructor(database: number | string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`database ${database} cannot be selected: ${reason}`, { cause });
  }
}

/** Whether Redis refused a call because the connection has not signed in. */
export function isNotSignedIn(error: unknown): boolean {
  return error instanceof Error && /\bNOAUTH\b/.test(error.message);
}

/** Raised in place of the answer to SELECT on a connection that could not sign in. It does not say why: the answer to the sign-in does. */
export class DatabaseNotReached extends Error {
  constructor() {
    super("Connection is closed: it could not sign in");
  }
}

/** Whether an error stays until an operator changes something: a permission is missing, or the database cannot be selected. */
export function isLastingRefusal(text: string): boolean {
  // SELECT can fail for a moment, too, for example while a script of another client is busy.
  return (
    isMissingPermission(text) ||
    /cannot be selected: ERR .*(out of range|invalid|not allowed|unknown command)/.test(text)
  );
}

/** Whether Redis refused a call for lack of permission, so that waiting does not help. */
export function isMissingPermission(error: unknown): boolean {
  const text = error instanceof Error ? error.message : String(error);
  return /NOPERM|executing the script can't|ACL failure in script|Unknown Redis command/.test(text);
}
