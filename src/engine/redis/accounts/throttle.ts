import {
  type AccountAddressState,
  ADDRESS_TTL_MS,
  type AddressState,
  accountAddressTtl,
  cancelAttempt,
  checkAccountAddress,
  checkAddress,
  recordAccountFailure,
  recordFailure,
  settleAddress,
  type Timestamps,
} from "../../../core/access/sign-in-throttle.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { ThrottleDecision, ThrottleLimits, ThrottleStore } from "../../../core/ports/throttle.ts";
import { boundedName } from "../../bounded-name.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";

const GET_WITH_TIME = new Script("connection/get-with-time");
const COMPARE_AND_SET = new Script("connection/compare-and-set");

/** The number of tries to update a key that other nodes update at the same time. In each round one of the nodes succeeds. */
const MAX_ATTEMPTS = 20;

/** The `retryAfter` of an attempt for which no update succeeded, in milliseconds. */
const CONTENDED_WAIT_MS = 1_000;

interface Update<State, Result> {
  /** The new state; undefined deletes it. */
  readonly after: State | undefined;
  readonly result: Result;
}

type Decide<State, Result, Other> = (
  state: State | undefined,
  now: number,
  other: Other | undefined,
) => Update<State, Result>;

/**
 * The port for sign-in throttles on Redis. The state of the core is stored as JSON. An update reads it, lets the core decide, and
 * writes the new state if the stored one has not changed meanwhile. Time is that of Redis.
 *
 * The keys of an address and of an account are in different slots. The address is checked first and charged last. If it has no
 * attempt left by then, the attempt of the account is withdrawn.
 */
export class RedisThrottle implements ThrottleStore {
  /** The last update of this node for each key. Its updates of a key wait for each other, since only one at a time can succeed. */
  private readonly lastUpdates = new Map<string, Promise<unknown>>();

  /** `time` is a manual clock, for tests. Without it, the time of Redis is used. */
  constructor(
    private readonly client: RedisClient,
    private readonly limits: ThrottleLimits,
    private readonly options: { readonly time?: Clock } = {},
  ) {}

  async attempt(account: string, address: string): Promise<ThrottleDecision> {
    const { limits } = this;
    const tries = this.client.keys.addressKey(address, "tries");
    const [now, known] = await this.read<AddressState>([tries]);
    const { decision } = checkAddress(limits, known, latestOf(now, known));
    if (!decision.allowed) return decision;
    if (limits.failures > 0) {
      const own = await this.update<AccountAddressState, ThrottleDecision, Timestamps>(
        this.pairKey(account, address),
        accountAddressTtl(limits),
        (pair, at, failures) => {
          const step = checkAccountAddress(limits, pair, failures ?? [], latest(at, pair, failures));
          return { after: step.pair, result: step.decision };
        },
        this.accountKey(account),
      );
      if (own === undefined)
        return { allowed: false, retryAfter: CONTENDED_WAIT_MS, rule: "account_and_address" };
      if (!own.allowed) return own;
    }
    if (limits.attemptsPerMinute === 0) return { allowed: true };
    const charged = await this.update<AddressState, ThrottleDecision>(tries, ADDRESS_TTL_MS, (state, at) => {
      const step = checkAddress(limits, state, latestOf(at, state));
      return { after: step.state, result: step.decision };
    });
    if (charged?.allowed) return charged;
    await this.withdrawPair(account, address);
    return charged ?? { allowed: false, retryAfter: CONTENDED_WAIT_MS, rule: "address" };
  }

  async succeeded(account: string, address: string): Promise<void> {
    await Promise.all([
      this.client.commands.del(this.pairKey(account, address)),
      this.settleAddress(address, false),
    ]);
  }

  async failed(account: string, address: string): Promise<void> {
    const { limits } = this;
    if (limits.failures === 0) return this.settleAddress(address, true);
    await Promise.all([
      this.settleAddress(address, true),
      this.update<AccountAddressState, void>(
        this.pairKey(account, address),
        accountAddressTtl(limits),
        (pair, at) => ({
          after: recordFailure(limits, pair, latest(at, pair)),
          result: undefined,
        }),
      ),
      this.update<Timestamps, void>(this.accountKey(account), limits.window, (failures = [], at) => ({
        after: recordAccountFailure(limits, failures, notBefore(at, failures)),
        result: undefined,
      })),
    ]);
  }

  async cancelled(account: string, address: string): Promise<void> {
    await Promise.all([this.withdrawPair(account, address), this.settleAddress(address, false)]);
  }

  private async settleAddress(address: string, failed: boolean): Promise<void> {
    if (this.limits.attemptsPerMinute === 0) return;
    const tries = this.client.keys.addressKey(address, "tries");
    await this.update<AddressState, void>(tries, ADDRESS_TTL_MS, (state, at) => ({
      after: state && settleAddress(state, failed ? latestOf(at, state) : undefined),
      result: undefined,
    }));
  }

  private async withdrawPair(account: string, address: string): Promise<void> {
    if (this.limits.failures === 0) return;
    const key = this.pairKey(account, address);
    await this.update<AccountAddressState, void>(key, accountAddressTtl(this.limits), (pair) => ({
      after: pair && cancelAttempt(pair),
      result: undefined,
    }));
  }

  /** Updates the state under `key`, with an expiry of `ttlMs`. Resolves with undefined if other nodes were faster in every try. */
  private update<State, Result, Other = never>(
    key: string,
    ttlMs: number,
    decide: Decide<State, Result, Other>,
    otherKey?: string,
  ): Promise<Result | undefined> {
    const attempt = () => this.tryUpdate(key, ttlMs, decide, otherKey);
    const mine = this.lastUpdates.get(key)?.then(attempt, attempt) ?? attempt();
    this.lastUpdates.set(key, mine);
    const cleanUp = () => {
      if (this.lastUpdates.get(key) === mine) this.lastUpdates.delete(key);
    };
    mine.then(cleanUp, cleanUp);
    return mine;
  }

  private async tryUpdate<State, Result, Other>(
    key: string,
    ttlMs: number,
    decide: Decide<State, Result, Other>,
    otherKey: string | undefined,
  ): Promise<Result | undefined> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const [now, known, other, text] = await this.read<State, Other>(otherKey ? [key, otherKey] : [key]);
      const { after, result } = decide(known, now, other);
      const next = after === undefined ? "" : JSON.stringify(after);
      if (next === text) return result;
      if ((await this.client.run(COMPARE_AND_SET, [key], [text, next, ttlMs])) === 1) return result;
    }
    return undefined;
  }

  /** Returns the time, the states under the first and the second key, and the text of the first state. */
  private async read<State, Other = never>(
    keys: readonly string[],
  ): Promise<[now: number, state: State | undefined, other: Other | undefined, text: string]> {
    const [time, text, other] = (await this.client.run(GET_WITH_TIME, keys, [])) as [
      number,
      ...(string | null)[],
    ];
    const now = this.options.time?.now() ?? time;
    return [now, parse<State>(text), parse<Other>(other), text ?? ""];
  }

  private pairKey(account: string, address: string): string {
    return `${this.accountKey(account)}:${address}`;
  }

  private accountKey(account: string): string {
    return this.client.keys.userKey(boundedName(account), "throttle");
  }
}

function parse<State>(text: string | null | undefined): State | undefined {
  return text === null || text === undefined ? undefined : JSON.parse(text);
}

/** Keeps time from decreasing: after a failover, the clock of the new primary may be behind. */
function notBefore(now: number, times: Timestamps = []): number {
  return Math.max(now, times.at(-1) ?? 0);
}

function latestOf(now: number, state: AddressState | undefined): number {
  return notBefore(notBefore(now, state?.failedAt), state?.inFlight);
}

function latest(now: number, pair: AccountAddressState | undefined, failures?: Timestamps): number {
  return notBefore(notBefore(notBefore(now, pair?.failedAt), pair?.inFlight), failures);
}
