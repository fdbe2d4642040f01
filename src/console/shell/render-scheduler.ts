import { batch } from "@preact/signals";

/** How long changes are collected before a redraw, in milliseconds, so that a burst of frames is one redraw. */
const RENDER_DELAY_MS = 16;

/** Batches redraws. */
export interface RenderScheduler {
  /** Runs `task`, which sets signals, with the next redraw; once, even if it is scheduled several times. */
  schedule(task: () => void): void;
  /** Redraws now. */
  flush(): void;
}

export function createRenderScheduler(): RenderScheduler {
  const tasks = new Set<() => void>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const planned = [...tasks];
    tasks.clear();
    batch(() => {
      for (const task of planned) task();
    });
  }

  return {
    flush,
    schedule(task) {
      tasks.add(task);
      timer ??= setTimeout(flush, RENDER_DELAY_MS);
    },
  };
}
