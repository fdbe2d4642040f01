import { type ReadonlySignal, signal } from "@preact/signals";

/** How long it is seen, in milliseconds. */
const ANNOUNCEMENT_MS = 3000;

/** What the page said last. */
export interface Announcement {
  /** Counts, so that the same words said again are news. */
  readonly number: number;
  readonly text: string;
}

/** What the page says about something that was just done, for the eye and for screen readers. */
export interface Announcer {
  /** Undefined when it has been seen long enough. */
  readonly current: ReadonlySignal<Announcement | undefined>;
  /** Says it now, in the place of what was said before. */
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
