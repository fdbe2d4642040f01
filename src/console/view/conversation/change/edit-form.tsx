import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Entry } from "../../../../client/index.ts";
import { bytesInFrame, MAX_TEXT_BYTES } from "../composer.tsx";

interface EditFormProps {
  readonly row: Entry;
  /** What the field has at first. */
  readonly words: string;
  /** `rev` is that of the edit that the user began with; 0: it was never edited. */
  save(text: string, rev: number): void;
  cancel(): void;
}

/** The text of a message, to be changed in its place: Enter saves, Escape leaves it as it is. */
export function EditForm({ row, words, save, cancel }: EditFormProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(words);
  const [rev] = useState(row.edited?.rev ?? 0);
  const [problem, setProblem] = useState("");

  useLayoutEffect(() => {
    field.current!.focus();
    field.current!.setSelectionRange(text.length, text.length);
  }, []);
  useLayoutEffect(() => {
    const { style, scrollHeight } = field.current!;
    style.height = "auto";
    style.height = `${Math.max(scrollHeight, field.current!.scrollHeight) + 2}px`;
  }, [text]);

  function submit(event: Event): void {
    event.preventDefault();
    if (text === row.text) cancel();
    else if (text.trim() === "" && row.data === undefined)
      setProblem("A message has a text. To take it away, erase it.");
    else if (bytesInFrame(text) > MAX_TEXT_BYTES) setProblem("Too long. Shorten it.");
    else save(text, rev);
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      event.preventDefault();
      cancel();
    }
    // While an input method composes (CJK), Enter belongs to it; Safari reports that as key code 229.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229)
      submit(event);
  }

  return (
    <form class="edit-form" onSubmit={submit}>
      <textarea
        ref={field}
        rows={1}
        aria-label={`Text of message ${row.seq}`}
        aria-describedby="edit-hint"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <div class="form-buttons">
        <button type="submit" class="primary small">
          Save
        </button>
        <button type="button" class="plain small" onClick={cancel}>
          Cancel
        </button>
        <p class="hint" id="edit-hint">
          Enter saves, Escape cancels
        </p>
      </div>
      <p class="problem" role="alert">
        {problem}
      </p>
    </form>
  );
}
