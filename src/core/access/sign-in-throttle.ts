import { dueAfter, waitTime } from "../../protocol/gcra.ts";
import type { ThrottleDecision, ThrottleLimits, ThrottleRule } from "../ports/throttle.ts";

// Sign-in throttles (SEC-S3). They decide before a password is hashed, so that guesses do not cost the server that work.
//
//   address            30 failures in any minute. Attempts that are still being hashed count, or an attacker could send
//                      more at once. Also 600 attempts a minute with any result: enough for an office, and too few for
//                      one machine to fill the queue.
//   account + address  5 failures in 5 minutes, then a wait that doubles with each further failure. Attempts that are
//                      still being hashed count as failures until they are settled, or an attacker could send more at once.
//   account            under attack from many addresses, each address must retry each attempt after a short wait, as
//                      with greylisting of mail. Each address has its own wait, so that an attacker cannot lock the owner
//                      out by failures from other addresses.

/** The most accounts, addresses and pairs that are kept, each. The one with the oldest attempt is dropped first. */
export const MAX_THROTTLE_ENTRIES = 50_000;

/** Longest wait of account + address, in milliseconds. */
export const MAX_BACKOFF_MS = 3_600_000;

/** An account counts as under attack from this many times the `failures` of one address. */
export const ACCOUNT_FAILURES_FACTOR = 4;

/** First and longest wait of an address that tries an account under attack, in milliseconds. */
export const ACCOUNT_BACKOFF_INITIAL_MS = 1_000;
export const ACCOUNT_BACKOFF_MAX_MS = 32_000;

/** Wait while attempts of the same account and address are being hashed: about one bcrypt at cost 12, in milliseconds. */
const IN_FLIGHT_RETRY_MS = 1_000;

/** An attempt that is not settled after this time never will be, because its node is dead. In milliseconds. */
export const IN_FLIGHT_TIMEOUT_MS = 120_000;

/** How long the attempts of an address count, in milliseconds. */
const ADDRESS_WINDOW_MS = 60_000;

/** Failures of one address within ADDRESS_WINDOW_MS, for all accounts: an attacker may try one password on many. */
const MAX_ADDRESS_FAILURES = 30;

/** How long the state of an address must be kept after its last change, in milliseconds. */
export const ADDRESS_TTL_MS = IN_FLIGHT_TIMEOUT_MS;

/** Moments in ascending order, in milliseconds. Survives JSON. */
export type Timestamps = readonly number[];

/** The state of an address. Survives JSON. */
export interface AddressState {
  readonly failedAt: Timestamps;
  /** When the attempts began that are still being hashed. */
  readonly inFlight: Timestamps;
  /** The state of gcra.ts: a minute's worth of attempts may come at once, then one at a time. */
  readonly usedUntil: number;
}

const NEW_ADDRESS: AddressState = { failedAt: [], inFlight: [], usedUntil: 0 };

/** The state of an account and address. Survives JSON. */
export interface AccountAddressState {
  readonly failedAt: Timestamps;
  /** Waits imposed in a row; each is twice the one before. */
  readonly waits: number;
  readonly waitUntil: number;
  /** When the attempts began that are still being hashed. */
  readonly inFlight: Timestamps;
  /** When the wait for an account under attack is over; undefined when none was asked for. */
  readonly heldUntil?: number;
}

const NEW_ACCOUNT_ADDRESS: AccountAddressState = { failedAt: [], waits: 0, waitUntil: 0, inFlight: [] };

/** How long the state of an account and address must be kept after its last change, in milliseconds. */
export function accountAddressTtl({ window }: ThrottleLimits): number {
  return MAX_BACKOFF_MS + window;
}

/** Decides about an attempt by its address. A refused attempt does not change the state. */
export function checkAddress(
  { attemptsPerMinute }: ThrottleLimits,
  state: AddressState = NEW_ADDRESS,
  now: number,
): { readonly decision: ThrottleDecision; readonly state: AddressState } {
  if (attemptsPerMinute === 0) return { decision: ALLOWED, state };
  const failedAt = within(state.failedAt, now - ADDRESS_WINDOW_MS);
  const inFlight = within(state.inFlight, now - IN_FLIGHT_TIMEOUT_MS);
  const rate = { intervalMs: ADDRESS_WINDOW_MS / attemptsPerMinute, burst: attemptsPerMinute };
  const most = Math.min(attemptsPerMinute, MAX_ADDRESS_FAILURES);
  const waitForRate = waitTime(state.usedUntil, rate, now);
  const waitForFailures =
    failedAt.length < most ? 0 : failedAt[failedAt.length - most]! + ADDRESS_WINDOW_MS - now;
  const wait = Math.max(waitForRate, waitForFailures);
  if (wait > 0) return { decision: refused("address", wait), state };
  if (failedAt.length + inFlight.length >= most)
    return { decision: refused("address", IN_FLIGHT_RETRY_MS), state };
  return {
    decision: ALLOWED,
    state: {
      failedAt,
      inFlight: [...inFlight, now],
      usedUntil: dueAfter(state.usedUntil, rate.intervalMs, now),
    },
  };
}

/** Returns the state of an address after one of its attempts was settled; `failedAt` is the time of a failure. */
export function settleAddress(state: AddressState, failedAt?: number): AddressState {
  const inFlight = state.inFlight.slice(1);
  if (failedAt === undefined) return { ...state, inFlight };
  // More failures than this never count, so they need not be kept.
  return { ...state, inFlight, failedAt: [...state.failedAt, failedAt].slice(-MAX_ADDRESS_FAILURES) };
}

/** Decides about an attempt by account and address. `failures` are those of the account from all addresses. */
export function checkAccountAddress(
  limits: ThrottleLimits,
  pair: AccountAddressState | undefined,
  failures: Timestamps,
  now: number,
): { readonly decision: ThrottleDecision; readonly pair: AccountAddressState } {
  const current = accountAddressAt(limits, pair, now);
  const own = accountAddressRefusal(limits, current, now);
  if (own !== undefined) return { decision: own, pair: current };
  const wait = accountWait(limits, failures, now);
  const { heldUntil = now + wait, ...free } = current;
  if (wait > 0 && now < heldUntil)
    return { decision: refused("account", heldUntil - now), pair: { ...free, heldUntil } };
  return { decision: ALLOWED, pair: { ...free, inFlight: [...current.inFlight, now] } };
}

/** Returns the state of an account and address after a wrong password. */
export function recordFailure(
  limits: ThrottleLimits,
  pair: AccountAddressState | undefined,
  now: number,
): AccountAddressState {
  const { failures, window } = limits;
  const current = accountAddressAt(limits, pair, now);
  const failed = {
    ...current,
    inFlight: current.inFlight.slice(1),
    failedAt: [...current.failedAt, now],
  };
  if (current.waits === 0 && failed.failedAt.length < failures) return failed;
  // The first wait follows from the rate of the limit: 5 in 5 minutes is one a minute.
  const wait = Math.min(MAX_BACKOFF_MS, (window / failures) * 2 ** current.waits);
  return { ...failed, waitUntil: now + wait, waits: current.waits + 1 };
}

/** The pair after an attempt that was never compared. */
export function cancelAttempt(pair: AccountAddressState): AccountAddressState {
  return { ...pair, inFlight: pair.inFlight.slice(1) };
}

/** The account's failures after another one. */
export function recordAccountFailure(
  { failures, window }: ThrottleLimits,
  failed: Timestamps,
  now: number,
): Timestamps {
  // Only as many as the longest wait needs; more failures change nothing.
  const doublings = Math.log2(ACCOUNT_BACKOFF_MAX_MS / ACCOUNT_BACKOFF_INITIAL_MS);
  return [...within(failed, now - window), now].slice(-failures * (ACCOUNT_FAILURES_FACTOR + doublings));
}

export const ALLOWED: ThrottleDecision = { allowed: true };

/** The pair without expired entries. */
function accountAddressAt(
  { window }: ThrottleLimits,
  pair: AccountAddressState = NEW_ACCOUNT_ADDRESS,
  now: number,
): AccountAddressState {
  return {
    ...pair,
    failedAt: within(pair.failedAt, now - window),
    inFlight: within(pair.inFlight, now - IN_FLIGHT_TIMEOUT_MS),
    // After a whole window without attempts since the last wait the count starts at zero.
    waits: now >= pair.waitUntil + window ? 0 : pair.waits,
  };
}

function accountAddressRefusal(
  { failures }: ThrottleLimits,
  pair: AccountAddressState,
  now: number,
): ThrottleDecision | undefined {
  if (now < pair.waitUntil) return refused("account_and_address", pair.waitUntil - now);
  const spent = pair.waits > 0 ? failures - 1 : pair.failedAt.length;
  if (spent + pair.inFlight.length >= failures) return refused("account_and_address", IN_FLIGHT_RETRY_MS);
  return undefined;
}

/** Returns how long an address has to wait for an account with these failures; 0 when it is not under attack. */
function accountWait({ failures, window }: ThrottleLimits, failed: Timestamps, now: number): number {
  const excess = within(failed, now - window).length - failures * ACCOUNT_FAILURES_FACTOR;
  if (excess < 0) return 0;
  return Math.min(ACCOUNT_BACKOFF_MAX_MS, ACCOUNT_BACKOFF_INITIAL_MS * 2 ** Math.floor(excess / failures));
}

function refused(rule: ThrottleRule, retryAfter: number): ThrottleDecision {
  return { allowed: false, retryAfter, rule };
}

/** The ascending `times` later than `since`. */
function within(times: Timestamps, since: number): Timestamps {
  const first = times.findIndex((time) => time > since);
  if (first <= 0) return first === 0 ? times : [];
  return times.slice(first);
}
