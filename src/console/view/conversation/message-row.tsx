import type { VNode } from "preact";
import type { Entry } from "../../../client/index.ts";
import { clockTime, explainError, listNames } from "../../format.ts";
import { Avatar } from "../avatar.tsx";
import { IconButton } from "../icon.tsx";
import { Reactions } from "./change/reactions.tsx";
import { editionOf, erasureOf, failureOf, isStaleEdit } from "./change/words.ts";
import { Quote, type Quoted, wordsOf } from "./quote.tsx";
import { endingOf, StopButton } from "./stream-state.tsx";

/** Messages of one user within this time are shown as one block, in milliseconds. */
const BLOCK_INTERVAL_MS = 5 * 60_000;

const UNCONFIRMED =
  "The connection ended before the server confirmed it. Sending it again is safe: it is never stored twice.";

export interface RowActions {
  /** Sends a message that failed, or its changes, again; an edit that others were faster with is begun again with its words. */
  retry(entry: Entry): void;
  /** Drops a message that failed, or the changes of one. */
  discard(entry: Entry): void;
  /** Adds a reaction, or takes the user's own back. */
  react(entry: Entry, reaction: string, on: boolean): void;
  /** Shows what may be done with a message. */
  openMenu(entry: Entry): void;
  /** Takes back a message that is not sent yet, for the composer. */
  takeBack(entry: Entry): void;
  /** Shows how the message is sent in code, and its frame. */
  showCode(entry: Entry): void;
  /** The next message answers this one. */
  reply(entry: Entry): void;
  /** Asks the writer of a message to stop. */
  stop(entry: Entry): void;
  /** Reads a message for a quote. */
  loadQuoted(seq: number): void;
  /** Shows a message in the list. */
  show(seq: number): void;
}

interface MessageRowProps {
  readonly row: Entry;
  readonly own: boolean;
  /** The row above belongs to the same block, so that name and avatar are not repeated. */
  readonly continues: boolean;
  /** The message cannot be sent now: the connection is lost, or the quota is used up. */
  readonly held: boolean;
  /** The users who have read up to here. */
  readonly readers: readonly string[];
  /** The message that this one answers, as far as it is known. */
  readonly quoted: Quoted | undefined;
  /** The user may ask its writer to stop. */
  readonly mayStop: boolean;
  /** Who asked its writer to stop, if known. */
  readonly stoppedBy: string | undefined;
  /** In place of the text, while the user edits it. */
  readonly editor: VNode | undefined;
  readonly actions: RowActions;
}

/** Whether `row` belongs to the block of the row above it. */
export function continuesBlock(row: Entry, above: Entry | undefined): boolean {
  return above !== undefined && above.from === row.from && row.at - above.at < BLOCK_INTERVAL_MS;
}

/** One message: sender, text, time and `seq`; an own one also with its state. */
export function MessageRow(props: MessageRowProps) {
  const { row, own, continues, held, readers, quoted, mayStop, stoppedBy, editor, actions } = props;
  const failures = row.changing?.filter(({ state }) => state === "failed") ?? [];
  const kind = `message${own ? " own" : ""}${continues ? " continues" : ""} ${row.state}`;
  return (
    <li class={kind} data-delivery={row.state} data-seq={row.seq} aria-busy={row.state === "streaming"}>
      {!own && <Avatar user={row.from} />}
      <div class="body">
        <span class={continues || own ? "from unseen" : "from"}>{own ? `${row.from} (you)` : row.from}</span>
        <div class="bubble">
          {row.reply_to !== undefined && (
            <Quote seq={row.reply_to} message={quoted} load={actions.loadQuoted} show={actions.show} />
          )}
          {editor ?? (
            <p class={row.erased ? "text erased" : "text"} dir="auto">
              {row.erased ? erasureOf(row) : wordsOf(row)}
            </p>
          )}
        </div>
        <Reactions row={row} react={(name, on) => actions.react(row, name, on)} />
        <Meta row={row} own={own} held={held} ending={endingOf(row, stoppedBy)} actions={actions} />
        {mayStop && <StopButton from={row.from} stop={() => actions.stop(row)} />}
        {row.state === "pending" && held && (
          <button type="button" class="plain small" onClick={() => actions.takeBack(row)}>
            Take back
          </button>
        )}
        {row.state === "failed" && (
          <div class="failure">
            <p>{problemOf(row)}</p>
            <button type="button" class="plain small" onClick={() => actions.retry(row)}>
              Send again
            </button>
            <button type="button" class="plain small" onClick={() => actions.discard(row)}>
              Discard
            </button>
          </div>
        )}
        {failures.length > 0 && (
          <div class="failure">
            {failures.map((one) => (
              <p key={one.id}>{failureOf(one)}</p>
            ))}
            <button type="button" class="plain small" onClick={() => actions.retry(row)}>
              {failures.some(isStaleEdit) ? "Edit again" : "Try again"}
            </button>
            <button type="button" class="plain small" onClick={() => actions.discard(row)}>
              Discard
            </button>
          </div>
        )}
        {readers.length > 0 && <p class="readers">{`Read by ${listNames(readers)}`}</p>}
      </div>
    </li>
  );
}

function problemOf({ error }: Entry): string {
  if (error === undefined) return "Not sent.";
  return error.code === "closed" ? UNCONFIRMED : explainError(error);
}

interface MetaProps extends Pick<MessageRowProps, "row" | "own" | "held" | "actions"> {
  /** How the stream ended, in words. */
  readonly ending: string;
}

function Meta({ row, own, held, ending, actions }: MetaProps) {
  const at = new Date(row.at);
  const isChanging = row.changing?.some(({ state }) => state === "pending");
  return (
    <div class="meta">
      <time dateTime={at.toISOString()} title={at.toLocaleString()}>
        {clockTime(row.at)}
      </time>
      {row.seq !== undefined && (
        <span class="seq" title={`Sequence ${row.seq}`}>
          #{row.seq}
        </span>
      )}
      {row.edited && !row.erased && (
        <span class="edited" title={editionOf(row)}>
          edited
        </span>
      )}
      {isChanging && row.state === "stored" && (
        <Sign kind="waiting" sign="○" word={held ? "change waits to be sent" : "saving…"} />
      )}
      {row.state === "streaming" && <Sign kind="writing" sign="●" word="writing…" />}
      {ending !== "" && <Sign kind="stream-end" sign="■" word={ending} />}
      {row.state === "stored" && own && <Sign kind="tick" sign="✓" word="stored" />}
      {row.state === "pending" && (
        <Sign kind="waiting" sign="○" word={held ? "waits to be sent" : "sending…"} />
      )}
      {row.state === "failed" && <Sign kind="failed-mark" sign="!" word="not sent" />}
      <IconButton
        icon="code"
        label={row.seq === undefined ? "This message in code" : `Message ${row.seq} in code`}
        kind="in-code"
        onClick={() => actions.showCode(row)}
      />
      {row.seq !== undefined && (
        <IconButton
          icon="reply"
          label={`Answer message ${row.seq}`}
          kind="in-code"
          onClick={() => actions.reply(row)}
        />
      )}
      {row.seq !== undefined && !row.erased && (
        <IconButton
          icon="more"
          label={`More about message ${row.seq}`}
          kind="in-code more-about"
          onClick={() => actions.openMenu(row)}
        />
      )}
    </div>
  );
}

function Sign({ kind, sign, word }: { readonly kind: string; readonly sign: string; readonly word: string }) {
  return (
    <span class={kind}>
      <span aria-hidden="true">{sign}</span> {word}
    </span>
  );
}
