import { type ReadonlySignal, signal } from "@preact/signals";

/** How long an announcement is shown, in milliseconds. */
const ANNOUNCEMENT_MS = 3000;

/** The last announcement. */
export interface Announcement {
  /** Increases, so that the same text can be announced again. */
  readonly number: number;
  readonly text: string;
}

/** Announces the results of actions, on the screen and for screen readers. */
export interface Announcer {
  /** Undefined after it was shown long enough. */
  readonly current: ReadonlySignal<Announcement | undefined>;
  /** Shows a text, replacing the last one. */
  announce(text: string): void;
}

export function createAnnouncer(): Announcer {
  const current = signal<Announcement | undefined>(undefined);
  let number = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    current,
    announce(text) {
      current.value = { number: ++number, text };
      clearTimeout(timer);
      timer = setTimeout(() => {
        current.value = undefined;
      }, ANNOUNCEMENT_MS);
    },
  };
}
