import type { Clock } from "../../../core/ports/clock.ts";
import type { StreamRules } from "../../../core/streams/draft.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import type { StartRequest } from "./operations.ts";

const CLAIM = new Script("streams/place-claim");

/** How long a place counts that was taken for a stream which was not started yet, in milliseconds: longer than a start takes. */
const PENDING_MS = 10_000;

export interface StreamPlacesDeps {
  readonly client: RedisClient;
  readonly rules: StreamRules;
  readonly time: Clock | undefined;
}

/**
 * Bounds the open streams of a user in Cluster, where the list of the user's streams and their conversations are in different slots.
 * The list is written before a stream is started, so that it never has fewer than are open. A stream that has ended stays in it until
 * its place is wanted.
 */
export class StreamPlaces {
  constructor(private readonly deps: StreamPlacesDeps) {}

  /** Takes a place for a stream. Returns whether there was one. */
  async take(request: StartRequest): Promise<boolean> {
    const full = await this.claim(request, []);
    if (full === undefined) return true;
    const free = await this.findEnded(full);
    return free.length > 0 && (await this.claim(request, free)) === undefined;
  }

  /** Records whether the stream was started for which a place was taken. */
  async settle({ user, handle, conversation }: StartRequest, wasStarted: boolean): Promise<void> {
    const { commands, keys } = this.deps.client;
    const list = keys.userKey(user, "streams");
    if (wasStarted) await commands.hset(list, handle, `${keys.conversationKey(conversation, "drafts")} 0`);
    else await commands.hdel(list, handle);
  }

  /** Returns undefined if the user has a place now; else the places that are taken, and the time. */
  private async claim(
    { user, handle, conversation }: StartRequest,
    free: readonly TakenPlace[],
  ): Promise<FullList | undefined> {
    const { client, rules, time } = this.deps;
    const { keys } = client;
    const reply = (await client.run(
      CLAIM,
      [keys.userKey(user, "streams")],
      [
        ...[time?.now() ?? "", handle, keys.conversationKey(conversation, "drafts"), rules.maxOpen],
        ...[rules.max + 2 * rules.lease, ...free.flatMap(({ stream, value }) => [stream, value])],
      ],
    )) as string[];
    const [now, ...pairs] = reply;
    if (pairs.length === 0) return undefined;
    const places: TakenPlace[] = [];
    for (let i = 0; i < pairs.length; i += 2) places.push({ stream: pairs[i]!, value: pairs[i + 1]! });
    return { now: Number(now), places };
  }

  /** Returns the places of streams that have ended. */
  private async findEnded({ now, places }: FullList): Promise<TakenPlace[]> {
    const { commands } = this.deps.client;
    const open = await Promise.all(
      places.map(async ({ stream, value }) => {
        const [drafts, takenAt] = value.split(" ");
        return now - Number(takenAt) < PENDING_MS || (await commands.hexists(drafts!, stream)) === 1;
      }),
    );
    return places.filter((_, i) => !open[i]);
  }
}

interface TakenPlace {
  readonly stream: string;
  readonly value: string;
}

interface FullList {
  readonly now: number;
  readonly places: readonly TakenPlace[];
}

/** The places of the streams that one batch starts. */
export class BatchPlaces {
  private readonly taken = new Map<StartRequest, Promise<boolean | undefined>>();

  constructor(private readonly places: StreamPlaces) {}

  prepare(request: StartRequest): void {
    this.taken.set(
      request,
      // Without an answer the start is refused as unavailable.
      this.places.take(request).catch(() => undefined),
    );
  }

  /** Resolves when all are taken. Returns whether there is a place for a stream; undefined if that is not known. */
  async ready(): Promise<(request: StartRequest) => boolean | undefined> {
    const found = new Map<StartRequest, boolean | undefined>();
    for (const [request, taken] of this.taken) found.set(request, await taken);
    return (request) => found.get(request);
  }

  /** Gives back the places of streams that were not started. Never rejects. */
  async settle(wasStarted: (request: StartRequest) => boolean | undefined): Promise<void> {
    await Promise.allSettled(
      [...this.taken].map(async ([request, taken]) => {
        const started = wasStarted(request);
        if ((await taken) === true && started !== undefined) await this.places.settle(request, started);
      }),
    );
  }
}
