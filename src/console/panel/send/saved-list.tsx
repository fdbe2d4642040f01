import { useRef, useState } from "preact/hooks";
import { browserStore } from "../../local-storage.ts";
import { IconButton } from "../../view/icon.tsx";
import { readSaved, removeSaved, saveMessage } from "./saved.ts";

interface SavedListProps {
  /** The text to save. */
  readonly text: string;
  onSelect(text: string): void;
}

/** Messages that are saved in this browser. */
export function SavedList({ text, onSelect }: SavedListProps) {
  const [saved, setSaved] = useState(() => readSaved(browserStore()));
  const [problem, setProblem] = useState("");
  const name = useRef<HTMLInputElement>(null);

  function keep(event: Event): void {
    event.preventDefault();
    const answer = saveMessage(browserStore(), { name: name.current!.value.trim(), text });
    setProblem("problem" in answer ? answer.problem : "");
    if ("problem" in answer) return;
    setSaved(answer.saved);
    name.current!.value = "";
  }

  return (
    <section aria-labelledby="saved-title">
      <h2 id="saved-title">Saved</h2>
      <form class="form-row" noValidate onSubmit={keep}>
        <input
          id="save-name"
          ref={name}
          aria-label="Name to save it under"
          placeholder="Name"
          maxLength={60}
          autocomplete="off"
        />
        <button type="submit" class="plain" id="save">
          Save the text
        </button>
        <p class="problem" id="save-problem" role="alert">
          {problem}
        </p>
      </form>
      <ul class="saved" id="saved">
        {saved.map((one) => (
          <li key={one.name}>
            <button type="button" class="quiet small" onClick={() => onSelect(one.text)}>
              {one.name}
            </button>
            <code>{one.text.slice(0, 120)}</code>
            <IconButton
              icon="close"
              label={`Remove ${one.name}`}
              onClick={() => {
                setSaved(removeSaved(browserStore(), one.name));
                name.current!.focus();
              }}
            />
          </li>
        ))}
      </ul>
      {saved.length === 0 && (
        <p class="fine">No saved messages yet. They stay in this browser; tokens are not saved.</p>
      )}
    </section>
  );
}
