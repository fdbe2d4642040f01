import { useRef } from "preact/hooks";
import type { Command, Keyboard } from "../shell/keyboard.ts";

/** Keys that are not defined by a view. */
const EVERYWHERE: readonly Omit<Command, "run">[] = [
  { key: "Enter", label: "Send what is written", group: "Conversation" },
  { key: "Shift Enter", label: "Start a new line", group: "Conversation" },
  { key: "Esc", label: "Leave a field, so that keys work; close a dialog", group: "Page" },
  { key: "↑ ↓", label: "Along the frames, when the list has the focus; also Page, Home, End", group: "Page" },
];

/** Opens the keyboard help. */
export function openKeyboardHelp(): void {
  document.querySelector<HTMLDialogElement>("#key-sheet")?.showModal();
}

/** The keyboard help: all active keys, grouped. */
export function KeyboardHelp({ keys }: { readonly keys: Keyboard }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const groups = Map.groupBy([...EVERYWHERE, ...keys.commands.value], ({ group }) => group);
  return (
    <dialog id="key-sheet" ref={dialog} closedby="any" aria-labelledby="key-sheet-title">
      <div class="sheet-head">
        <h2 id="key-sheet-title">Keys</h2>
        <button type="button" class="plain small" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
      <div class="sheet-groups">
        {[...groups].map(([group, commands]) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {commands.map(({ key, label }) => (
                <div key={label}>
                  <dt>
                    {key.split(" ").map((part) => (
                      <kbd key={part}>{part}</kbd>
                    ))}
                  </dt>
                  <dd>{label}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={keys.isOn.value}
          onChange={(event) => keys.setOn(event.currentTarget.checked)}
        />
        Single keys work on this page
      </label>
    </dialog>
  );
}
