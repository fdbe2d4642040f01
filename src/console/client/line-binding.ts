import type { Parley, Status } from "../../client/index.ts";
import { monotonicNow } from "../wire/websocket-tap.ts";
import type { LineEvent } from "./state.ts";

export interface LineListener {
  dispatch(event: LineEvent): void;
  /** The library waits before its next attempt. */
  onWait(reason: string, seconds: number): void;
}

/** Converts the events of a user's connection into events of the page. Returns a function that ends it. */
export function bindLine(parley: Parley, { dispatch, onWait }: LineListener): () => void {
  let isOver = false;
  let last: Status | undefined;
  const emit = (event: LineEvent) => {
    if (!isOver) dispatch(event);
  };
  const ends = [
    parley.status.subscribe((status) => {
      // A line that nothing has used yet is used in the next moment: by the inbox.
      if (status.state === "idle" || status === last || isOver) return;
      last = status;
      if (status.state === "waiting") onWait(status.reason, Math.max(0, (status.until - Date.now()) / 1000));
      const at = monotonicNow();
      emit({ type: "status", status: withMonotonicTimes(status), welcome: parley.welcome.getSnapshot(), at });
    }),
    parley.quota.subscribe((quota) => {
      // Null before the first frame with a quota, and where the plan has none.
      if (quota !== null || parley.welcome.getSnapshot() !== undefined)
        emit({ type: "quota", quota, at: monotonicNow() });
    }),
    parley.welcome.subscribe((welcome) => {
      if (welcome?.quota === null) emit({ type: "quota", quota: null, at: monotonicNow() });
    }),
    parley.on("warning", (warning) => emit({ type: "warning", warning, at: monotonicNow() })),
    parley.on("error", ({ code, message }) => emit({ type: "complaint", refusal: { code, message } })),
  ];
  return () => {
    isOver = true;
    for (const end of ends) end();
  };
}

/** Returns the status with `until` by the monotonic clock of the countdowns, which does not follow changes of the time of day. */
function withMonotonicTimes(status: Status): Status {
  return status.state === "waiting"
    ? { ...status, until: status.until - Date.now() + monotonicNow() }
    : status;
}
