import type { Check } from "../check.ts";
import { RuleSkipped } from "../verdicts.ts";

/** Rules of the document that a run does not look at, with the reason: nothing is left out without a word. */
const UNTESTABLE: readonly [rule: string, what: string, why: string][] = [
  ["A4", "no token in a log line or a page", "logs are not seen from outside"],
  ["W2", "origins are compared whole", "which origins are allowed is not known outside"],
  ["Q1", "exact over a rolling hour", "takes an hour"],
  ["I3", "silent peers are found by pings", "takes half a minute or more"],
  ["M3", "32 requests wait at most, and the rest is read later", "cannot be told from a slow line"],
  ["M4", "pings go out whatever else is sent", "takes half a minute or more"],
  ["M5", "errors tell nothing of the server's inside", "needs a fault of the server's own"],
  ["B1", "a reader that does not keep up is closed", "needs more load than a check may bring"],
  ["B2", "a sender that does not wait is paused", "needs more load than a check may bring"],
  ["B3", "bounds are checked before use", "cannot be told from outside"],
  ["L1", "a stop tells clients when to come back", "the server would have to be stopped"],
  ["P2", "a server that dies takes its users with it", "the server would have to be killed"],
  ["MB6", "removed is removed", "a conversation would have to be removed by the operator"],
  ["L3", "`degraded` and `recovered`", "the store would have to be stopped"],
  ["L2", "no acked message is lost by kill -9", "the server would have to be killed"],
];

export const UNTESTABLE_RULES: readonly Check[] = UNTESTABLE.map(([rule, what, why]) => ({
  rule,
  what,
  run: () => Promise.reject(new RuleSkipped(why)),
}));
