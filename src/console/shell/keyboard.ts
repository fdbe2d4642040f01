import { type ReadonlySignal, signal } from "@preact/signals";
import type { LocalStore } from "../local-storage.ts";

/** Something that can be done by a key. */
export interface Command {
  /** What is pressed: one sign as `KeyboardEvent.key` names it, such as `?` or `n`. Not Enter or Space, which press buttons. */
  readonly key: string;
  /** What it does, for the sheet. */
  readonly label: string;
  /** Under which heading of the sheet it stands. */
  readonly group: string;
  run(): void;
}

/** The keys of the page. A part that appears adds its own, and takes them back when it goes. */
export interface Keyboard {
  /** All there are now, in the order they were added; of two with the same key the later one works. */
  readonly commands: ReadonlySignal<readonly Command[]>;
  /** Whether keys without Ctrl or Alt do anything: who dictates to the machine would set them off (WCAG 2.1.4). */
  readonly isOn: ReadonlySignal<boolean>;
  setOn(on: boolean): void;
  /** Adds keys until the function that is answered is called. */
  add(commands: readonly Command[]): () => void;
}

/** Where it lies that keys are switched off; where nothing lies, they are on. */
export const KEYS_OFF_KEY = "parley.keys-off";

/**
 * Listens on `target`. In a field keys write, so that there only Escape is heard: it leaves the field. Whether keys do anything is
 * remembered in `store`, as far as the browser keeps anything.
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
      // Chromium would empty a search field: who leaves it wants to see what was found.
      event.preventDefault();
      field.blur();
      return;
    }
    // Of a dialog only its own keys work.
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
        // Then it is forgotten with the page.
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
