import type { VNode } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { type MessageListItem, messageListItems, readersByRow } from "../../client/message-list-items.ts";
import { HISTORY_PAGE } from "../../client/on-conversation-event.ts";
import type { State } from "../../client/state.ts";
import type { TestClient } from "../../client/test-client.ts";
import { hasEarlier, MAX_STORED_ROWS, type Transcript } from "../../client/transcript.ts";
import { dayName } from "../../format.ts";
import type { Workbench } from "../../shell/workbench.ts";
import { DividerRow } from "./divider-row.tsx";
import { continuesBlock, MessageRow, type RowActions } from "./message-row.tsx";
import { useAutoScroll } from "./use-auto-scroll.ts";

/** A drawn item with its inputs: while they are the same, its node is reused. */
interface RenderedItem {
  readonly item: MessageListItem;
  readonly signature: string;
  readonly node: VNode;
}

/** The values that all rows share. */
interface RowContext {
  readonly user: string;
  readonly today: string;
  readonly now: number;
  readonly held: boolean;
  readonly marks: ReadonlyMap<string, readonly string[]>;
}

interface MessagesProps {
  readonly client: TestClient;
  readonly workbench: Workbench;
}

/** The message list. Rows are cached by key and only redrawn if they changed, so that thousands stay fast. */
export function Messages({ client, workbench }: MessagesProps) {
  const state = client.state.value;
  const { transcript, session } = state;
  // Rows only change over time while requests are rejected.
  const setting = rowContextOf(state, state.limitedUntil === undefined ? 0 : workbench.now.value);
  const signature = JSON.stringify([setting.user, setting.today, setting.held, [...setting.marks]]);
  const drawn = useRef(new Map<string, RenderedItem>());
  const actions = useMemo(() => actionsOf(client), [client]);
  const rows = useMemo(() => {
    drawn.current = renderItems(drawn.current, transcript, setting, actions);
    return [...drawn.current.values()].map(({ node }) => node);
  }, [transcript, signature, actions]);
  const { scroller, announcer, hasNewer, toEnd } = useAutoScroll(client, transcript, setting.user);

  const { stored, outbox, past } = transcript;
  const full = stored.length >= MAX_STORED_ROWS;
  const oldest = stored[0]?.seq ?? transcript.newest + 1;
  const isEmpty = stored.length + outbox.length === 0 && past === undefined;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroller" id="scroller" tabIndex={0} aria-label="Messages" ref={scroller}>
        <p class="earlier" hidden={!hasEarlier(transcript) || full || session.state !== "open"}>
          <button
            class="plain small"
            id="earlier"
            type="button"
            disabled={state.loading}
            onClick={() => actions.loadBefore(oldest)}
          >
            {state.loading ? "Loading…" : "Load earlier messages (1 request)"}
          </button>
        </p>
        <ol class="messages" id="messages">
          {rows}
        </ol>
        {isEmpty && (
          <div class="empty" id="empty">
            {emptyText(state)}
          </div>
        )}
      </section>
      <p class="unseen" aria-live="polite" ref={announcer} />
      {hasNewer && (
        <button
          class="primary small newer"
          id="newer"
          type="button"
          onClick={() => {
            toEnd();
            document.getElementById("text")?.focus();
          }}
        >
          New messages below
        </button>
      )}
    </>
  );
}

interface MessageActions extends RowActions {
  loadBefore(seq: number, limit?: number): void;
}

function actionsOf(client: TestClient): MessageActions {
  return {
    resend: (id) => client.dispatch({ type: "resend", id, at: Date.now() }),
    cancelSend: (id) => client.dispatch({ type: "cancel_send", id }),
    loadBefore: (seq, limit = HISTORY_PAGE) => client.dispatch({ type: "load_before", seq, limit }),
  };
}

/** `moment`: the clock of the countdowns; the days follow the time of day. */
function rowContextOf({ transcript, session, limitedUntil = 0 }: State, moment: number): RowContext {
  const user = session.state === "signed_out" ? "" : session.user;
  const open = session.state === "open" ? session : undefined;
  const marks = readersByRow(transcript.stored, open?.present ?? [], user);
  const held =
    limitedUntil > moment || (open?.connection.state !== "live" && open?.connection.state !== "resuming");
  const now = Date.now();
  return { user, today: new Date(now).toDateString(), now, held, marks };
}

function renderItems(
  old: ReadonlyMap<string, RenderedItem>,
  transcript: Transcript,
  setting: RowContext,
  actions: MessageActions,
): Map<string, RenderedItem> {
  const next = new Map<string, RenderedItem>();
  for (const item of messageListItems(transcript)) {
    const signature = signatureOf(item, setting);
    const there = old.get(item.key);
    const same = there !== undefined && there.signature === signature && isSame(there.item, item);
    next.set(item.key, same ? there : { item, signature, node: renderItem(item, setting, actions) });
  }
  return next;
}

/** The part of the setting that a row shows; other rows are not redrawn when it changes. */
function signatureOf(item: MessageListItem, { user, today, held, marks }: RowContext): string {
  const waits = held && item.kind === "row" && item.row.kind === "pending";
  return `${user}\n${today}\n${waits}\n${marks.get(item.key)}`;
}

function isSame(one: MessageListItem, other: MessageListItem): boolean {
  // The key of a divider contains all its values.
  if (one.kind !== "row" || other.kind !== "row") return true;
  return one.row === other.row && one.above === other.above && one.isAdjacent === other.isAdjacent;
}

function renderItem(
  item: MessageListItem,
  { user, now, held, marks }: RowContext,
  actions: MessageActions,
): VNode {
  if (item.kind !== "row") return <DividerRow key={item.key} item={item} loadBefore={actions.loadBefore} />;
  const { row, above, isAdjacent } = item;
  const day = dayName(row.at, now);
  const begins = above === undefined || dayName(above.at, now) !== day;
  const own = row.from === user;
  return (
    <DayAndRow key={`${row.kind} ${item.key}`} day={begins ? day : undefined}>
      <MessageRow
        row={row}
        own={own}
        continues={isAdjacent && !begins && continuesBlock(row, above)}
        held={held}
        readers={marks.get(row.key) ?? []}
        actions={actions}
      />
    </DayAndRow>
  );
}

/** A message, preceded by its day if that differs from the row above. */
function DayAndRow({ day, children }: { readonly day: string | undefined; readonly children: VNode }) {
  return (
    <>
      {day !== undefined && (
        <li class="day">
          <span>{day}</span>
        </li>
      )}
      {children}
    </>
  );
}

function emptyText({ session, conversation, loading }: State): string {
  if (session.state === "signed_in")
    return "Choose a conversation above and connect. The other users will see you join.";
  if (session.state !== "open") return "";
  if (session.terms === undefined) return `Connecting to ${conversation}…`;
  return loading ? "Loading…" : "Nobody has spoken here yet. Write the first message.";
}
