import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { classifyError, isLastingRefusal, isWrongType } from "./connection/errors.ts";

/** Raised when Redis could not be used within the given time. */
export class StoreUnavailable extends Error {}

/** Raised when Parley cannot use Redis as it is configured. */
export class StoreMisconfigured extends Error {}

export interface StartOptions {
  /** For people: `Redis at 127.0.0.1:6379`. */
  readonly description: string;
  /** How long the start waits for Redis, in milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly emit: Emit;
}

/** Runs a step of a start; again where Redis failed meanwhile, so a step MUST be one that may run twice. */
export type StartStep = <T>(step: () => Promise<T>) => Promise<T>;

/** The interval at which a starting node logs that it waits for Redis, in milliseconds. */
export const LOG_INTERVAL_MS = 3_000;

/** The pause before a step runs again, in milliseconds. */
const RETRY_PAUSE_MS = 500;

const ADVICE = " It answered at first: find out what stopped it, or keeps it busy.";

/**
 * Begins the time of a start. The steps that the returned function runs wait for a Redis that stalls, restarts or refuses
 * writes, as the start waits for its connection. They throw StoreUnavailable when the time is over, StoreMisconfigured at once for a
 * refusal that stays until an operator changes something, and errors that are not of Redis as they are.
 */
export function beginStart({ description, timeoutMs, clock, emit }: StartOptions): StartStep {
  const until = clock.now() + timeoutMs;
  let loggedAt = Number.NEGATIVE_INFINITY;
  return async (step) => {
    for (;;) {
      try {
        return await step();
      } catch (error) {
        if (error instanceof StoreUnavailable || error instanceof StoreMisconfigured) throw error;
        const meaning = classifyError(error);
        if (meaning === undefined) throw error;
        const { description: reason, refuses } = meaning;
        if (isWrongType(error) || isLastingRefusal(String(error)))
          throw new StoreMisconfigured(`${description} cannot be used: ${reason}.`, { cause: error });
        const now = clock.now();
        if (now >= until)
          throw new StoreUnavailable(
            `${description} could not be used within ${timeoutMs / 1000} s: ${reason}.${refuses ? "" : ADVICE}`,
            { cause: error },
          );
        if (now - loggedAt >= LOG_INTERVAL_MS) {
          loggedAt = now;
          const secondsLeft = Math.round((until - now) / 1000);
          emit("store.waiting", { store: description, reason, seconds_left: secondsLeft });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
    }
  };
}
