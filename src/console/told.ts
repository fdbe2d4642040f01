import { type ReadonlySignal, signal } from "@preact/signals";

/** How long it is seen, in milliseconds. */
const SHOWN_FOR = 3000;

/** What the page said last. */
export interface Told {
  /** Counts, so that the same words said again are news. */
  readonly number: number;
  readonly text: string;
}

/** What the page says about something that was just done, for the eye and for screen readers. */
export interface Teller {
  /** Undefined when it has been seen long enough. */
  readonly told: ReadonlySignal<Told | undefined>;
  /** Says it now, in the place of what was said before. */
  tell(text: string): void;
}

export function createTeller(): Teller {
  const told = signal<Told | undefined>(undefined);
  let number = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    told,
    tell(text) {
      told.value = { number: ++number, text };
      clearTimeout(timer);
      timer = setTimeout(() => {
        told.value = undefined;
      }, SHOWN_FOR);
    },
  };
}
