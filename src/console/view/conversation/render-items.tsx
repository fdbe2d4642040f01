import type { VNode } from "preact";
import type { Entry, MessageList, Role } from "../../../client/index.ts";
import type { PresentUser } from "../../../protocol/server-frames.ts";
import { type MessageListItem, messageListItems, readersByRow } from "../../client/message-list-items.ts";
import { dayName } from "../../format.ts";
import { DividerRow } from "./divider-row.tsx";
import { continuesBlock, MessageRow, type RowActions } from "./message-row.tsx";
import type { FindQuoted, Quoted } from "./quote.tsx";
import { mayStop } from "./stream-state.tsx";

/** A drawn item with its inputs: while they are the same, its node is reused. */
export interface RenderedItem {
  readonly item: MessageListItem;
  readonly signature: string;
  readonly quoted: Quoted | undefined;
  readonly node: VNode;
}

/** The values that all rows share. */
export interface RowContext {
  readonly user: string;
  readonly today: string;
  readonly now: number;
  readonly held: boolean;
  readonly marks: ReadonlyMap<string, readonly string[]>;
  /** The user's role in the conversation. */
  readonly role: Role | undefined;
  readonly findQuoted: FindQuoted;
  /** Who asked the writer of a stream to stop, as far as it is known, by stream. */
  readonly stops: ReadonlyMap<string, string>;
  /** The message that the user edits. */
  readonly editing: Editing | undefined;
}

/** A message that is edited in its place. */
export interface Editing {
  readonly key: string;
  draw(row: Entry): VNode;
}

export interface ListActions extends RowActions {
  loadHole(seq: number, isNewest: boolean): void;
}

export function rowContextOf(
  { entries }: MessageList,
  present: readonly PresentUser[],
  rest: Pick<RowContext, "user" | "held" | "role" | "findQuoted" | "stops" | "editing">,
): RowContext {
  const now = Date.now();
  const marks = readersByRow(entries, present, rest.user);
  return { ...rest, today: new Date(now).toDateString(), now, marks };
}

/** Draws the items that differ from `old`. */
export function renderItems(
  old: ReadonlyMap<string, RenderedItem>,
  list: MessageList,
  readBefore: number | undefined,
  setting: RowContext,
  actions: ListActions,
): ReadonlyMap<string, RenderedItem> {
  const next = new Map<string, RenderedItem>();
  for (const item of messageListItems(list, readBefore)) {
    const reply = item.kind === "row" ? item.row.reply_to : undefined;
    const quoted = reply === undefined ? undefined : setting.findQuoted(reply);
    const signature = signatureOf(item, setting);
    const there = old.get(item.key);
    const same =
      there !== undefined &&
      there.signature === signature &&
      there.quoted === quoted &&
      isSame(there.item, item);
    next.set(
      item.key,
      same ? there : { item, signature, quoted, node: renderItem(item, quoted, setting, actions) },
    );
  }
  return next;
}

/** The part of the setting that a row shows; other rows are not redrawn when it changes. */
function signatureOf(item: MessageListItem, { user, today, held, marks, role, editing }: RowContext): string {
  const waits =
    held && item.kind === "row" && (item.row.state === "pending" || item.row.changing !== undefined);
  const isEdited = item.key === editing?.key;
  const moderates = item.kind === "row" && item.row.state === "streaming" && role;
  return `${user}\n${today}\n${waits}\n${marks.get(item.key)}\n${moderates}\n${isEdited}`;
}

function isSame(one: MessageListItem, other: MessageListItem): boolean {
  // The key of a divider contains its values.
  if (one.kind === "hole" && other.kind === "hole") return one.isNewest === other.isNewest;
  if (one.kind !== "row" || other.kind !== "row") return true;
  return (
    one.row === other.row &&
    one.above === other.above &&
    one.isAdjacent === other.isAdjacent &&
    one.isFirstNew === other.isFirstNew
  );
}

function renderItem(
  item: MessageListItem,
  quoted: Quoted | undefined,
  { user, now, held, marks, role, stops, editing }: RowContext,
  actions: ListActions,
): VNode {
  if (item.kind !== "row") return <DividerRow key={item.key} item={item} loadHole={actions.loadHole} />;
  const { row, above, isAdjacent, isFirstNew } = item;
  const day = dayName(row.at, now);
  const begins = above === undefined || dayName(above.at, now) !== day;
  return (
    // A message that was being written stays the same element: its button may have the focus.
    <DayAndRow
      key={`${row.state === "streaming" ? "stored" : row.state} ${item.key}`}
      day={begins ? day : undefined}
      isNew={isFirstNew}
    >
      <MessageRow
        row={row}
        own={row.own || row.from === user}
        continues={isAdjacent && !begins && !isFirstNew && continuesBlock(row, above)}
        held={held}
        readers={marks.get(row.key) ?? []}
        quoted={quoted}
        mayStop={mayStop(row, user, role, quoted)}
        stoppedBy={row.stream && stops.get(row.stream.stream)}
        editor={item.key === editing?.key && row.erased === undefined ? editing.draw(row) : undefined}
        actions={actions}
      />
    </DayAndRow>
  );
}

interface DayAndRowProps {
  readonly day: string | undefined;
  readonly isNew: boolean;
  readonly children: VNode;
}

/** A message, preceded by its day if that differs from the row above, and by a line above the first new one. */
function DayAndRow({ day, isNew, children }: DayAndRowProps) {
  return (
    <>
      {day !== undefined && (
        <li class="day">
          <span>{day}</span>
        </li>
      )}
      {isNew && (
        <li class="day unread-line" id="unread-line">
          <span>New</span>
        </li>
      )}
      {children}
    </>
  );
}
