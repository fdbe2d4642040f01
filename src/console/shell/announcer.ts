import { type ReadonlySignal, signal } from "@preact/signals";

/** How long an announcement is shown, in milliseconds. */
const ANNOUNCEMENT_MS = 3_000;

/** The same for one with a button. */
const WITH_BUTTON_MS = 12_000;

/** What can be done about an announcement. */
export interface AnnouncedStep {
  readonly label: string;
  run(): void;
}

/** The last announcement. */
export interface Announcement {
  /** Increases, so that the same text can be announced again. */
  readonly number: number;
  readonly text: string;
  readonly next?: AnnouncedStep | undefined;
}

/** Announces the results of actions, on the screen and for screen readers. */
export interface Announcer {
  /** Undefined after it was shown long enough. */
  readonly current: ReadonlySignal<Announcement | undefined>;
  /** Shows a text, replacing the last one, with a button for the next step. */
  announce(text: string, next?: AnnouncedStep): void;
  clear(): void;
}

export function createAnnouncer(): Announcer {
  const current = signal<Announcement | undefined>(undefined);
  let number = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function clear(): void {
    clearTimeout(timer);
    current.value = undefined;
  }

  return {
    current,
    clear,
    announce(text, next) {
      clearTimeout(timer);
      current.value = { number: ++number, text, next };
      timer = setTimeout(clear, next === undefined ? ANNOUNCEMENT_MS : WITH_BUTTON_MS);
    },
  };
}
