import type { State } from "../state.ts";
import { size } from "../wording.ts";
import { find, setText } from "./element.ts";

/** Longest text as JSON, in bytes: a frame over 64 KiB would cost the connection (1009). The rest is for `type` and `id`. */
export const LONGEST_TEXT = 64 * 1024 - 256;

const HINT = "Enter sends, Shift + Enter makes a new line";

export interface ComposerActions {
  say(text: string): void;
  /** Called at every change; `active` is false when nothing stands there any more. */
  writing(active: boolean): void;
}

/** Bytes a text takes in a frame: JSON's escapes included. */
export function bytesInFrame(text: string): number {
  return new TextEncoder().encode(JSON.stringify(text)).length;
}

/** Where messages are written. What was written stays when the line is closed. */
export function composerView(actions: ComposerActions): (state: State) => void {
  const form = find("composer", HTMLFormElement);
  const text = find("text", HTMLTextAreaElement);
  const send = find("send", HTMLButtonElement);
  const hint = find("composer-hint", HTMLElement);
  const left = find("composer-quota", HTMLElement);
  let open = false;

  function check(): boolean {
    // UTF-16 units first: counting bytes on each key of a long text would make writing slow.
    const bytes = text.value.length * 3 < LONGEST_TEXT / 2 ? 0 : bytesInFrame(text.value);
    const fits = bytes <= LONGEST_TEXT;
    setText(hint, fits ? HINT : `Too long: ${size(bytes)} of ${size(LONGEST_TEXT)}. Shorten it.`);
    hint.classList.toggle("problem", !fits);
    send.disabled = !open || !fits;
    return fits && text.value.trim() !== "";
  }

  function submit(): void {
    text.focus();
    if (!open || !check()) return;
    actions.say(text.value);
    text.value = "";
    fit();
    check();
  }

  function fit(): void {
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight + 2}px`;
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  text.addEventListener("input", () => {
    fit();
    check();
    actions.writing(text.value !== "");
  });
  text.addEventListener("keydown", (event) => {
    // While an input method composes, Enter belongs to it (CJK); 229 is how Safari says so.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  });

  check();
  return ({ session, allowance }) => {
    const opened = session.at === "open";
    if (opened !== open) {
      open = opened;
      form.classList.toggle("off", !open);
      check();
      if (open) text.focus();
    }
    if (!open || allowance === undefined || allowance.limit === 0) return setText(left, "");
    const { remaining, limit } = allowance;
    setText(left, `${remaining.toLocaleString("en")} of ${limit.toLocaleString("en")} requests left`);
  };
}
