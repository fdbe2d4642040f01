import type { Clock } from "../../core/ports/clock.ts";
import type { StoreHealth } from "../../core/ports/store-health.ts";
import { HEALTH_INTERVAL_MS, HealthNotices } from "../../core/session/store-health.ts";
import type { ServerFrame } from "../../protocol/server-frames.ts";

interface StoreWatchDeps {
  readonly engine: StoreHealth;
  /** Sends a frame to all connections that have got their `welcome`. */
  readonly sendToAll: (frame: ServerFrame) => void;
  readonly clock: Clock;
}

/** Sends all connections `degraded` when the store becomes unavailable and `recovered` when it is back (L3). */
export function watchStore({ engine, sendToAll, clock }: StoreWatchDeps): {
  health: HealthNotices;
  stop(): void;
} {
  const health = new HealthNotices(engine.ready());
  const sendChange = () => {
    const news = health.nextFrame(clock.now());
    if (news !== undefined) sendToAll(news);
  };
  const stops = [
    engine.watchReady((ready) => {
      health.update(ready);
      sendChange();
    }),
    clock.every(HEALTH_INTERVAL_MS, sendChange),
  ];
  return {
    health,
    stop() {
      for (const stop of stops) stop();
    },
  };
}
