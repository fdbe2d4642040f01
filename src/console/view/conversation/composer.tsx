import { useLayoutEffect, useRef } from "preact/hooks";
import { utf8Length } from "../../../protocol/utf8.ts";
import type { Room } from "../../client/room.ts";
import type { TestClient } from "../../client/test-client.ts";
import { formatBytes } from "../../format.ts";
import type { Workbench } from "../../shell/workbench.ts";
import { IconButton } from "../icon.tsx";
import { wordsOf } from "./quote.tsx";

/** Longest text as JSON, in bytes: the server closes the connection for a frame over 64 KiB (1009). The rest is for `type` and `id`. */
export const MAX_TEXT_BYTES = 64 * 1024 - 256;

/** What a conversation is chosen with. */
const CHOOSERS = ".pick, .inbox-row, #conversation, #new-conversation";

const HINT = "Enter sends, Shift + Enter starts a new line";

/** Returns the bytes of a text in a frame, including JSON escapes. */
export function bytesInFrame(text: string): number {
  return utf8Length(JSON.stringify(text));
}

interface ComposerProps {
  readonly workbench: Workbench;
  readonly client: TestClient;
  readonly room: Room;
  announce(text: string): void;
}

/** The composer. Its text is kept while the connection is closed, and while another client is selected. */
export function Composer({ workbench, client, room, announce }: ComposerProps) {
  const { session, usage } = client.state.value;
  const { value: status } = room.status;
  const text = useRef<HTMLTextAreaElement>(null);
  const open = session.state === "open";
  const draft = client.draft.value;
  const answered = client.replyTo.value;
  // Compare UTF-16 units first: counting bytes at each key press in a long text would be slow.
  const bytes = draft.length * 3 < MAX_TEXT_BYTES / 2 ? 0 : bytesInFrame(draft);
  const fits = bytes <= MAX_TEXT_BYTES;
  const senderCount = workbench.clients.value.filter(
    (one) => one.state.value.session.state === "open",
  ).length;
  const isOne = workbench.clients.value.length === 1;
  const asAll = workbench.sendAsAll.value && !isOne;

  // The composer gets the focus after connecting, or a click on the client or the conversation, but not after a key, so that
  // keys still work.
  const wasOpen = useRef(open);
  useLayoutEffect(() => {
    const isChosen = document.activeElement?.matches(CHOOSERS) === true;
    if (open && (!wasOpen.current || isChosen)) text.current!.focus();
    wasOpen.current = open;
  }, [open, room]);
  useLayoutEffect(() => {
    const { style } = text.current!;
    style.height = "auto";
    style.height = `${text.current!.scrollHeight + 2}px`;
  }, [draft]);

  function submit(event: Event): void {
    event.preventDefault();
    text.current!.focus();
    if (!open && draft.trim() !== "") announce("Nothing was sent: connect first");
    if (!open || !fits || draft.trim() === "") return;
    client.draft.value = "";
    workbench.send(draft);
  }

  function write(value: string): void {
    client.draft.value = value;
    client.dispatch({ type: "active" });
    room.conversation.typing(value !== "");
  }

  function answerNothing(): void {
    client.replyTo.value = undefined;
    text.current!.focus();
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.key === "Escape" && answered !== undefined) answerNothing();
    // While an input method composes (CJK), Enter belongs to it; Safari reports that as key code 229.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    submit(event);
  }

  const left =
    !open || !usage
      ? ""
      : `${usage.remaining.toLocaleString("en")} of ${usage.limit.toLocaleString("en")} requests left`;
  return (
    <form class={`composer${open ? "" : " off"}`} id="composer" onSubmit={submit}>
      {answered !== undefined && (
        <div class="replying" id="replying">
          <p class="quote">
            Answers <b>{answered.from}</b> {wordsOf(answered).slice(0, 120)}
          </p>
          <IconButton icon="close" label="Answer no message" onClick={answerNothing} />
        </div>
      )}
      <label class="unseen" for="text">
        Message
      </label>
      <textarea
        id="text"
        ref={text}
        rows={1}
        enterkeyhint="send"
        placeholder="Write a message"
        aria-describedby="composer-hint"
        value={draft}
        onInput={(event) => write(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <button class="primary" id="send" type="submit" disabled={!open || !fits || status.state === "closed"}>
        {asAll ? `Send as ${senderCount}` : "Send"}
      </button>
      <div class="hints">
        <p class={`hint${fits ? "" : " problem"}${isOne || !fits ? "" : " unseen"}`} id="composer-hint">
          {fits ? HINT : `Too long: ${formatBytes(bytes)} of ${formatBytes(MAX_TEXT_BYTES)}. Shorten it.`}
        </p>
        {!isOne && (
          <label class="check">
            <input
              type="checkbox"
              id="send-as-all"
              checked={asAll}
              onChange={(event) => {
                workbench.sendAsAll.value = event.currentTarget.checked;
              }}
            />
            Send as all
          </label>
        )}
        <p class="hint left" id="composer-quota">
          {left}
        </p>
      </div>
    </form>
  );
}
