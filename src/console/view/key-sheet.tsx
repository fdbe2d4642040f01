import { useRef } from "preact/hooks";
import type { Command, Keyboard } from "../keyboard.ts";

/** Keys as they stand on a keyboard, where their names are others. */
const SIGNS: Readonly<Record<string, string>> = {
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
  " ": "Space",
  Escape: "Esc",
};

/** Works wherever a field has not the focus already. */
const EVERYWHERE: readonly Omit<Command, "run">[] = [
  { key: "Enter", label: "Send what is written", group: "Conversation" },
  { key: "Escape", label: "Leave a field, so that keys work; close what lies on top", group: "Page" },
];

/** Shows the sheet of keys. */
export function openKeySheet(): void {
  document.querySelector<HTMLDialogElement>("#key-sheet")?.showModal();
}

/** All keys that do something now, by what they are about. */
export function KeySheet({ keys }: { readonly keys: Keyboard }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const groups = Map.groupBy([...EVERYWHERE, ...keys.commands.value], ({ group }) => group);
  return (
    <dialog id="key-sheet" ref={dialog} aria-labelledby="key-sheet-title">
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
                    <kbd>{SIGNS[key] ?? key}</kbd>
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
          onChange={(event) => keys.switchOn(event.currentTarget.checked)}
        />
        Single keys work on this page
      </label>
    </dialog>
  );
}
