import { batch } from "@preact/signals";

/** Redraws are gathered for this long, in milliseconds, so that a burst of frames is one redraw. */
const RENDER_DELAY_MS = 16;

/** Brings what has changed before the eye: soon, and all at once. */
export interface RenderScheduler {
  /** Has `task` set its signals with the next redraw; once, however often it is asked for. */
  schedule(task: () => void): void;
  /** Does it now. */
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
