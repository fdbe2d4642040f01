import type { Clock } from "../core/clock.ts";
import type { Engine } from "../core/engine.ts";
import { HEALTH_INTERVAL, StoreHealth } from "../core/health.ts";
import type { Hub } from "./socket/hub.ts";

interface StoreWatchParts {
  readonly engine: Engine;
  readonly hub: Hub;
  readonly clock: Clock;
}

/** Tells all connections when the store goes away and when it is back (L3). */
export function watchStore({ engine, hub, clock }: StoreWatchParts): { health: StoreHealth; stop(): void } {
  const health = new StoreHealth(engine.ready());
  const tell = () => {
    const news = health.news(clock.now());
    if (news !== undefined) hub.tellAll(news);
  };
  const stops = [
    engine.watchReady((ready) => {
      health.note(ready);
      tell();
    }),
    clock.every(HEALTH_INTERVAL, tell),
  ];
  return {
    health,
    stop() {
      for (const stop of stops) stop();
    },
  };
}
