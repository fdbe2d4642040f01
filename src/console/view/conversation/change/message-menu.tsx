// What may be done with a stored message. Loaded when the first menu is opened.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Entry } from "../../../../client/index.ts";
import { copyText } from "../../../copy-text.ts";
import { wordsOf } from "../quote.tsx";
import { type MessageRights, reactionProblem } from "./rights.ts";

/** The reactions that one click gives; any other is written. */
const EMOJI = ["👍", "❤️", "😂", "🎉", "👀", "✅"];

/** Most characters of a reason (docs/protocol/CHANGES.md). */
const MAX_REASON_LENGTH = 200;

interface MessageMenuProps {
  /** The message as it is now. */
  readonly row: Entry;
  readonly rights: MessageRights;
  react(reaction: string, on: boolean): void;
  edit(): void;
  erase(reason: string | undefined): void;
  reply(): void;
  showCode(): void;
  announce(text: string): void;
  onClose(): void;
}

/** The menu of one message, with the question before it is erased. */
export function MessageMenu({ row, rights, ...menu }: MessageMenuProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isErasing, setErasing] = useState(false);
  useEffect(() => dialog.current!.showModal(), []);
  const title = `Message #${row.seq} of ${row.from}`;

  /** Closes the menu first, which gives the focus back to its button, and then does what was chosen. */
  function choose(run: () => void): void {
    dialog.current!.close();
    run();
  }

  return (
    <dialog
      class="menu message-menu"
      id="message-menu"
      ref={dialog}
      closedby="any"
      aria-label={isErasing ? `Erase ${title}` : title}
      onClose={menu.onClose}
    >
      <p class="menu-title">{title}</p>
      {isErasing ? (
        <EraseForm
          row={row}
          erase={(reason) => choose(() => menu.erase(reason))}
          cancel={() => dialog.current!.close()}
        />
      ) : (
        <>
          {rights.mayReact && (
            <ReactionForm row={row} react={(name, on) => choose(() => menu.react(name, on))} />
          )}
          <ul>
            <Item label="Reply" run={() => choose(menu.reply)} />
            {rights.mayEdit && <Item label="Edit" run={() => choose(menu.edit)} />}
            <Item label="Copy text" run={() => choose(() => void copyText(wordsOf(row), menu.announce))} />
            <Item label="Copy as curl, library or Python" run={() => choose(menu.showCode)} />
            {rights.mayErase && <Item label="Erase…" kind="danger-item" run={() => setErasing(true)} />}
          </ul>
        </>
      )}
    </dialog>
  );
}

interface ItemProps {
  readonly label: string;
  readonly kind?: string;
  run(): void;
}

function Item({ label, kind, run }: ItemProps) {
  return (
    <li>
      <button type="button" class={`menu-item${kind === undefined ? "" : ` ${kind}`}`} onClick={run}>
        {label}
      </button>
    </li>
  );
}

interface ReactionFormProps {
  readonly row: Entry;
  react(reaction: string, on: boolean): void;
}

function ReactionForm({ row, react }: ReactionFormProps) {
  const [problem, setProblem] = useState("");
  const other = useRef<HTMLInputElement>(null);

  function submit(event: Event): void {
    event.preventDefault();
    const name = other.current!.value.trim();
    const wrong = reactionProblem(name);
    if (wrong !== undefined) setProblem(wrong);
    else react(name, !row.myReactions.includes(name));
  }

  return (
    <form class="reaction-form" onSubmit={submit} noValidate>
      <fieldset class="emoji">
        <legend class="unseen">React</legend>
        {EMOJI.map((name) => {
          const isMine = row.myReactions.includes(name);
          return (
            <button key={name} type="button" aria-pressed={isMine} onClick={() => react(name, !isMine)}>
              {name}
            </button>
          );
        })}
      </fieldset>
      <div class="other-reaction">
        <label class="unseen" for="reaction">
          Another reaction
        </label>
        <input
          id="reaction"
          ref={other}
          autocomplete="off"
          placeholder="Another, such as +1"
          aria-describedby="reaction-problem"
        />
        <button type="submit" class="plain">
          React
        </button>
      </div>
      <p class="problem" id="reaction-problem" role="alert">
        {problem}
      </p>
    </form>
  );
}

interface EraseFormProps {
  readonly row: Entry;
  erase(reason: string | undefined): void;
  cancel(): void;
}

function EraseForm({ row, erase, cancel }: EraseFormProps) {
  const reason = useRef<HTMLInputElement>(null);
  useEffect(() => reason.current!.focus(), []);

  function submit(event: Event): void {
    event.preventDefault();
    erase(reason.current!.value.trim() || undefined);
  }

  return (
    <form class="erase-form" onSubmit={submit}>
      <p class="erase-text">{wordsOf(row).slice(0, 120)}</p>
      <p class="fine">The text is gone for everybody, and cannot be brought back.</p>
      <label for="erase-reason">Reason, shown to everybody (may be empty)</label>
      <input id="erase-reason" ref={reason} maxLength={MAX_REASON_LENGTH} autocomplete="off" />
      <div class="form-buttons">
        <button type="submit" class="danger">
          Erase
        </button>
        <button type="button" class="plain" onClick={cancel}>
          Keep it
        </button>
      </div>
    </form>
  );
}
