// Sends a series of frames at a rate, as one or several clients, and measures the replies.

import { type ReadonlySignal, signal } from "@preact/signals";
import { nearestRank } from "../../../protocol/nearest-rank.ts";
import type { TestClient } from "../../client/test-client.ts";
import type { Workbench } from "../../shell/workbench.ts";
import { monotonicNow } from "../../wire/websocket-tap.ts";
import { dueNow, type Series } from "./series-schedule.ts";

/** How often due frames are sent, in milliseconds. */
const SEND_INTERVAL_MS = 20;

/** How often the figures are updated, in milliseconds: sorting thousands of round trips costs more than sending. */
const PROGRESS_INTERVAL_MS = 250;

/** Round trips kept for the percentiles; of a longer series, the last ones. */
const MAX_ROUND_TRIPS = 10_000;

/** The progress of a series. */
export interface Progress {
  readonly running: boolean;
  readonly sent: number;
  readonly total: number;
  readonly acked: number;
  readonly refused: number;
  /** Milliseconds; missing before the first ack. */
  readonly median?: number;
  readonly p99?: number;
  /** Why the series ended early. */
  readonly problem?: string;
}

export interface SeriesRunner {
  readonly progress: ReadonlySignal<Progress | undefined>;
  /** Sends the result of `make` for each number from 1, as each of `clients`. Stops a running series. */
  start(clients: readonly TestClient[], series: Series, make: (n: number) => string): void;
  stop(): void;
  /** Drops the results of the last series. */
  reset(): void;
}

export function createSeriesRunner(workbench: Workbench): SeriesRunner {
  const progress = signal<Progress | undefined>(undefined);
  let end: (() => void) | undefined;

  function start(clients: readonly TestClient[], series: Series, make: (n: number) => string): void {
    end?.();
    const senders = clients.map((client) => ({ client, sent: 0 }));
    const ids = new Set(clients.map(({ id }) => id));
    const began = monotonicNow();
    const total = series.count * clients.length;
    let [acked, refused] = [0, 0];
    let roundTrips: number[] = [];
    let problem: string | undefined;

    const endListening = workbench.onFrame(({ client, direction, type, annotations, at }) => {
      if (direction !== "in" || at < began || !ids.has(client) || annotations.roundTrip === undefined) return;
      if (type === "error") refused++;
      else if (type === "ack" || type === "pong" || type === "history") {
        acked++;
        roundTrips.push(annotations.roundTrip);
        if (roundTrips.length > 2 * MAX_ROUND_TRIPS) roundTrips = roundTrips.slice(-MAX_ROUND_TRIPS);
      }
    });

    function sendDue(): void {
      for (const sender of senders) {
        const { client } = sender;
        const due = dueNow(series, monotonicNow() - began, sender.sent, client.wire.unsent());
        for (let index = 0; index < due; index++) {
          if (!client.wire.send(make(sender.sent + 1))) {
            problem = `${workbench.nameOf(client.id)} is not connected.`;
            stopSending();
            break;
          }
          sender.sent++;
        }
      }
      if (senders.every(({ sent }) => sent >= series.count)) stopSending();
    }

    function show(): void {
      const sent = senders.reduce((sum, sender) => sum + sender.sent, 0);
      const sorted = [...roundTrips].sort((a, b) => a - b);
      const [median, p99] = [nearestRank(sorted, 0.5), nearestRank(sorted, 0.99)];
      progress.value = {
        running: isRunning,
        sent,
        total,
        acked,
        refused,
        ...(median !== undefined && { median }),
        ...(p99 !== undefined && { p99 }),
        ...(problem !== undefined && { problem }),
      };
    }

    let isRunning = true;
    const timer = setInterval(sendDue, SEND_INTERVAL_MS);
    /** Replies still arrive after the last frame was sent: they are counted until all are received, or the next series begins. */
    const showing = setInterval(() => {
      show();
      if (!isRunning && acked + refused >= total) end?.();
    }, PROGRESS_INTERVAL_MS);

    function stopSending(): void {
      isRunning = false;
      clearInterval(timer);
    }

    end = () => {
      stopSending();
      clearInterval(showing);
      endListening();
      end = undefined;
      show();
    };
    sendDue();
    show();
  }

  return {
    progress,
    start,
    stop: () => end?.(),
    reset() {
      end?.();
      progress.value = undefined;
    },
  };
}
