import { type ReadonlySignal, signal } from "@preact/signals";
import type { LocalStore } from "../local-storage.ts";

/** An action of a key. */
export interface Command {
  /** The key as in `KeyboardEvent.key`, such as `?` or `n`. Not Enter or Space, which press buttons. */
  readonly key: string;
  /** A description for the keyboard help. */
  readonly label: string;
  /** The heading in the keyboard help. */
  readonly group: string;
  run(): void;
}

/** The keys of the page. Views add their keys when they appear, and remove them afterwards. */
export interface Keyboard {
  /** The current keys, in the order in which they were added; the later of two with the same key applies. */
  readonly commands: ReadonlySignal<readonly Command[]>;
  /** Whether keys without Ctrl or Alt are active: speech input could trigger them by accident (WCAG 2.1.4). */
  readonly isOn: ReadonlySignal<boolean>;
  setOn(on: boolean): void;
  /** Adds keys. Returns a function that removes them. */
  add(commands: readonly Command[]): () => void;
}

/** The storage key for switched-off keys; without a value, keys are on. */
export const KEYS_OFF_KEY = "parley.keys-off";

/**
 * Listens on `target`. In a text field only Escape is handled, which leaves the field. Whether keys are active is saved in
 * `store`, if the browser stores it.
 */
export function createKeyboard(target: EventTarget, store: LocalStore): Keyboard {
  const commands = signal<readonly Command[]>([]);
  const isOn = signal(store.getItem(KEYS_OFF_KEY) === null);

  target.addEventListener("keydown", (event) => {
    const {
      key,
      ctrlKey,
      metaKey,
      altKey,
      isComposing,
      defaultPrevented,
      target: field,
    } = event as KeyboardEvent;
    if (defaultPrevented || ctrlKey || metaKey || altKey || isComposing) return;
    if (isField(field)) {
      if (key !== "Escape") return;
      // Chromium would empty a search field; leaving it should keep the results.
      event.preventDefault();
      field.blur();
      return;
    }
    // In a dialog only its own keys work.
    if (!isOn.value || document.querySelector("dialog[open]") !== null) return;
    const command = commands.value.findLast((one) => one.key === key);
    if (command === undefined) return;
    event.preventDefault();
    command.run();
  });

  return {
    commands,
    isOn,
    setOn(on) {
      isOn.value = on;
      try {
        if (on) store.removeItem(KEYS_OFF_KEY);
        else store.setItem(KEYS_OFF_KEY, "yes");
      } catch {
        // Without storage, the setting lasts until the page is closed.
      }
    },
    add(added) {
      commands.value = [...commands.peek(), ...added];
      return () => {
        commands.value = commands.peek().filter((command) => !added.includes(command));
      };
    },
  };
}

function isField(target: EventTarget | null): target is HTMLElement {
  return target instanceof HTMLElement && target.matches("input:not([type=checkbox]), textarea, select");
}
