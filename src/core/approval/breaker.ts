// Whether the operator's server is asked at all (AP2). Times are in milliseconds.
//
//             5 failures in a row              a second has passed
//   closed ───────────────────────▶ open ◀──────────────────────────▶ probing
//      ▲                                        a failure                │
//      └─────────────────────────────── an answer ───────────────────────┘

/** Failures in a row after which it is not asked for a while. */
export const MAX_FAILURES = 5;

/** How long it is not asked, until one question is tried. */
export const RETRY_AFTER_MS = 1_000;

export type Breaker =
  | { readonly state: "closed"; readonly failures: number }
  | { readonly state: "open"; readonly since: number }
  /** One question is on its way, and decides. */
  | { readonly state: "probing"; readonly since: number };

export type BreakerEvent = "asking" | "answered" | "failed";

export const CLOSED_BREAKER: Breaker = { state: "closed", failures: 0 };

/** Whether a question is asked now; otherwise it is answered without asking. */
export function mayAsk(breaker: Breaker, now: number): boolean {
  return breaker.state === "closed" || (breaker.state === "open" && now - breaker.since >= RETRY_AFTER_MS);
}

/** One step. `changed` is there where questions stop or go on. */
export function stepBreaker(
  breaker: Breaker,
  event: BreakerEvent,
  now: number,
): { readonly breaker: Breaker; readonly changed?: "opened" | "closed" } {
  switch (event) {
    case "asking":
      return { breaker: breaker.state === "open" ? { state: "probing", since: now } : breaker };
    case "answered":
      // One that was asked before the breaker opened proves as much as a probe.
      return breaker.state === "closed"
        ? { breaker: CLOSED_BREAKER }
        : { breaker: CLOSED_BREAKER, changed: "closed" };
    case "failed": {
      if (breaker.state === "probing") return { breaker: { state: "open", since: now } };
      if (breaker.state === "open") return { breaker };
      const failures = breaker.failures + 1;
      return failures < MAX_FAILURES
        ? { breaker: { state: "closed", failures } }
        : { breaker: { state: "open", since: now }, changed: "opened" };
    }
    default:
      return event satisfies never;
  }
}
