import { batch } from "@preact/signals";

/** Redraws are gathered for this long, in milliseconds, so that a burst of frames is one redraw. */
const REDRAW_AFTER = 16;

/** Brings what has changed before the eye: soon, and all at once. */
export interface Redraw {
  /** Has `task` set its signals with the next redraw; once, however often it is asked for. */
  plan(task: () => void): void;
  /** Does it now. */
  now(): void;
}

export function createRedraw(): Redraw {
  const tasks = new Set<() => void>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function now(): void {
    clearTimeout(timer);
    timer = undefined;
    const planned = [...tasks];
    tasks.clear();
    batch(() => {
      for (const task of planned) task();
    });
  }

  return {
    now,
    plan(task) {
      tasks.add(task);
      timer ??= setTimeout(now, REDRAW_AFTER);
    },
  };
}
