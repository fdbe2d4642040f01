import type { Check } from "./check.ts";
import { RuleSkipped } from "./verdicts.ts";

const NAMING = "a rule about names: the checks of the frames and replies that have them apply it";

const APPROVAL = "needs a server at APPROVAL_URL that the run controls";

const EVENTS = "needs an API key that may read all events of the server, of others too";

const MANY_USERS = "needs more than a hundred users";

/** Rules of the document that a run does not test, with the reason. They are reported as skipped. */
const UNTESTABLE: readonly [rule: string, what: string, reason: string][] = [
  ["N1", "moments are milliseconds, durations seconds", NAMING],
  ["N2", "`seq`, `after` and `before` are positions", NAMING],
  ["N3", "ranges are `{first, last}`", NAMING],
  ["N4", "`retry_after` invites the same request again", NAMING],
  ["N5", "a field has one name everywhere", NAMING],
  ["N6", "events are named after frames", NAMING],
  ["N7", "lists have `limit` and `more`", NAMING],
  ["N8", "HTTP verbs have one meaning each", NAMING],
  ["A4", "no token in a log line or a page", "a client cannot read the logs"],
  ["W2", "origins are compared as a whole", "a client does not know the allowed origins"],
  ["Q1", "exact over a rolling hour", "takes an hour"],
  ["I3", "silent peers are detected by pings", "takes half a minute or more"],
  ["M3", "at most 32 requests wait, and the rest is read later", "looks the same as a slow network"],
  ["M4", "pings are sent under any load", "takes half a minute or more"],
  ["M5", "errors reveal nothing internal", "needs an internal error of the server"],
  ["B1", "a reader that does not keep up is closed", "needs more load than a check may cause"],
  ["B2", "a sender that does not wait is paused", "needs more load than a check may cause"],
  ["B3", "bounds are checked before use", "not visible to a client"],
  ["L1", "a server that stops says when to reconnect", "the server would have to be stopped"],
  ["LR2", "a large conversation sends numbers", MANY_USERS],
  ["LR3", "a large conversation shows five typing users", MANY_USERS],
  ["LR4", "a large conversation costs as much as a small one", MANY_USERS],
  ["P2", "the users of a crashed server leave", "the server would have to be killed"],
  ["MX4", "a busy conversation delays no other", "needs more load than a check may cause"],
  ["MX6", "many that return delay those who talk by little", "needs more load than a check may cause"],
  ["CH3", "what is erased is gone", "a client cannot read the disk"],
  ["CH5", "what nobody changes costs nothing", "not visible to a client"],
  ["L3", "`degraded` and `recovered`", "the store would have to be stopped"],
  ["AP1", "what was refused is stored nowhere", APPROVAL],
  ["AP2", "a question has a time and one try", APPROVAL],
  ["AP3", "an answer that is none counts as none", APPROVAL],
  ["AP4", "a stream is asked about as a whole", APPROVAL],
  ["EV1", "events are complete, and in the order of their conversation", EVENTS],
  ["EV2", "a webhook gets every event", "needs a receiver of webhooks"],
  ["EV3", "who was on a node that died has left", "the server would have to be killed"],
  ["EV4", "a reader that was away too long learns what it lost", EVENTS],
  ["EV5", "some types are written only while they are read", EVENTS],
  ["OA4", "lists of the operator are whole", "the server may have many users that are not the run's"],
  ["OA7", "a conversation may keep messages for another time", "takes a minute or more"],
  ["OA8", "numbers are of the moment", "others use the server, too"],
  ["ST7", "100 writers at 100 appends a second", "needs more load than a check may cause"],
  ["L2", "no acked message is lost by kill -9", "the server would have to be killed"],
];

export const UNTESTABLE_RULES: readonly Check[] = UNTESTABLE.map(([rule, what, reason]) => ({
  rule,
  what,
  run: () => Promise.reject(new RuleSkipped(reason)),
}));
