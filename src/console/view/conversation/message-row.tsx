import type { Row } from "../../client/transcript.ts";
import { clockTime, listNames } from "../../format.ts";
import { Avatar } from "../avatar.tsx";

/** Messages of one user within this time are shown as one block, in milliseconds. */
const BLOCK_INTERVAL_MS = 5 * 60_000;

export interface RowActions {
  resend(id: string): void;
  cancelSend(id: string): void;
}

interface MessageRowProps {
  readonly row: Row;
  readonly own: boolean;
  /** The row above belongs to the same block, so that name and avatar are not repeated. */
  readonly continues: boolean;
  /** The message cannot be sent now: the connection is lost, or the quota is used up. */
  readonly held: boolean;
  /** The users who have read up to here. */
  readonly readers: readonly string[];
  readonly actions: RowActions;
}

/** Whether `row` belongs to the block of the row above it. */
export function continuesBlock(row: Row, above: Row | undefined): boolean {
  return above !== undefined && above.from === row.from && row.at - above.at < BLOCK_INTERVAL_MS;
}

/** One message: sender, text, time and `seq`; an own one also with its state. */
export function MessageRow({ row, own, continues, held, readers, actions }: MessageRowProps) {
  const kind = `message${own ? " own" : ""}${continues ? " continues" : ""} ${row.kind}`;
  return (
    <li class={kind} data-delivery={row.kind} data-seq={row.kind === "stored" ? row.seq : undefined}>
      {!own && <Avatar user={row.from} />}
      <div class="body">
        <span class={continues ? "unseen" : "from"}>{own ? `${row.from} (you)` : row.from}</span>
        <div class="bubble">
          <p class="text" dir="auto">
            {row.text}
          </p>
        </div>
        <Meta row={row} own={own} held={held} />
        {row.kind === "pending" && held && (
          <button type="button" class="plain small" onClick={() => actions.cancelSend(row.id)}>
            Take back
          </button>
        )}
        {row.kind === "failed" && (
          <div class="failure">
            <p>{row.problem ?? "Not sent."}</p>
            <button type="button" class="plain small" onClick={() => actions.resend(row.id)}>
              Send again
            </button>
          </div>
        )}
        {readers.length > 0 && <p class="readers">{`Read by ${listNames(readers)}`}</p>}
      </div>
    </li>
  );
}

function Meta({ row, own, held }: Pick<MessageRowProps, "row" | "own" | "held">) {
  const at = new Date(row.at);
  return (
    <p class="meta">
      <time dateTime={at.toISOString()} title={at.toLocaleString()}>
        {clockTime(row.at)}
      </time>
      {row.kind === "stored" && (
        <span class="seq" title={`Sequence ${row.seq}`}>
          #{row.seq}
        </span>
      )}
      {row.kind === "stored" && own && <Sign kind="tick" sign="✓" word="stored" />}
      {row.kind === "pending" && (
        <Sign kind="waiting" sign="○" word={held ? "waits to be sent" : "sending…"} />
      )}
      {row.kind === "failed" && <Sign kind="failed-mark" sign="!" word="not sent" />}
    </p>
  );
}

function Sign({ kind, sign, word }: { readonly kind: string; readonly sign: string; readonly word: string }) {
  return (
    <span class={kind}>
      <span aria-hidden="true">{sign}</span> {word}
    </span>
  );
}
