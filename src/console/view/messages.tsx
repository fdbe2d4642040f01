import type { VNode } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type { Bench } from "../bench.ts";
import type { BenchClient } from "../bench-client.ts";
import { HISTORY_PAGE } from "../hear.ts";
import { type Item, layOut, readMarks } from "../layout.ts";
import type { State } from "../state.ts";
import { hasEarlier, MAX_STORED_ROWS, type Transcript } from "../transcript.ts";
import { dayName } from "../wording.ts";
import { useFollowing } from "./following.ts";
import { MarkerRow } from "./marker-row.tsx";
import { continuesBlock, MessageRow, type RowActions } from "./message-row.tsx";

/** One item as it is drawn, with everything it was made from: while that is the same, so is the node. */
interface Drawn {
  readonly item: Item;
  readonly signature: string;
  readonly node: VNode;
}

/** What all rows have in common. */
interface Setting {
  readonly user: string;
  readonly today: string;
  readonly now: number;
  readonly held: boolean;
  readonly marks: ReadonlyMap<string, readonly string[]>;
}

interface MessagesProps {
  readonly client: BenchClient;
  readonly bench: Bench;
}

/** The conversation. Rows are kept by key and made anew only where they differ, so that thousands stay fast. */
export function Messages({ client, bench }: MessagesProps) {
  const state = client.state.value;
  const { transcript, session } = state;
  // Only a refusal for a time makes rows change by themselves.
  const setting = settingOf(state, state.limitedUntil === undefined ? 0 : bench.now.value);
  const signature = JSON.stringify([setting.user, setting.today, setting.held, [...setting.marks]]);
  const drawn = useRef(new Map<string, Drawn>());
  const actions = useMemo(() => actionsOf(client), [client]);
  const rows = useMemo(() => {
    drawn.current = draw(drawn.current, transcript, setting, actions);
    return [...drawn.current.values()].map(({ node }) => node);
  }, [transcript, signature, actions]);
  const { scroller, announcer, hasNewer, toEnd } = useFollowing(client, transcript, setting.user);

  const { stored, outbox, past } = transcript;
  const full = stored.length >= MAX_STORED_ROWS;
  const oldest = stored[0]?.seq ?? transcript.newest + 1;
  const isEmpty = stored.length + outbox.length === 0 && past === undefined;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroller" id="scroller" tabIndex={0} aria-label="Messages" ref={scroller}>
        <p class="earlier" hidden={!hasEarlier(transcript) || full || session.at !== "open"}>
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

function actionsOf(client: BenchClient): MessageActions {
  return {
    sayAgain: (id) => client.happen({ type: "say_again", id, at: Date.now() }),
    takeBack: (id) => client.happen({ type: "take_back", id }),
    loadBefore: (seq, limit = HISTORY_PAGE) => client.happen({ type: "load_before", seq, limit }),
  };
}

/** `moment`: the clock of the countdowns; days are told by the time of day. */
function settingOf({ transcript, session, limitedUntil = 0 }: State, moment: number): Setting {
  const user = session.at === "signed_out" ? "" : session.user;
  const open = session.at === "open" ? session : undefined;
  const marks = readMarks(transcript.stored, open?.present ?? [], user);
  const held = limitedUntil > moment || (open?.line.state !== "live" && open?.line.state !== "resuming");
  const now = Date.now();
  return { user, today: new Date(now).toDateString(), now, held, marks };
}

function draw(
  old: ReadonlyMap<string, Drawn>,
  transcript: Transcript,
  setting: Setting,
  actions: MessageActions,
): Map<string, Drawn> {
  const next = new Map<string, Drawn>();
  for (const item of layOut(transcript)) {
    const signature = signatureOf(item, setting);
    const there = old.get(item.key);
    const same = there !== undefined && there.signature === signature && isSame(there.item, item);
    next.set(item.key, same ? there : { item, signature, node: nodeFor(item, setting, actions) });
  }
  return next;
}

/** What of the setting a row shows; the rest of the rows need not be drawn again for it. */
function signatureOf(item: Item, { user, today, held, marks }: Setting): string {
  const waits = held && item.kind === "row" && item.row.kind === "pending";
  return `${user}\n${today}\n${waits}\n${marks.get(item.key)}`;
}

function isSame(one: Item, other: Item): boolean {
  // A marker's key says all of it.
  if (one.kind !== "row" || other.kind !== "row") return true;
  return one.row === other.row && one.above === other.above && one.joined === other.joined;
}

function nodeFor(item: Item, { user, now, held, marks }: Setting, actions: MessageActions): VNode {
  if (item.kind !== "row") return <MarkerRow key={item.key} item={item} loadBefore={actions.loadBefore} />;
  const { row, above, joined } = item;
  const day = dayName(row.at, now);
  const begins = above === undefined || dayName(above.at, now) !== day;
  const own = row.from === user;
  return (
    <DayAndRow key={`${row.kind} ${item.key}`} day={begins ? day : undefined}>
      <MessageRow
        row={row}
        own={own}
        continues={joined && !begins && continuesBlock(row, above)}
        held={held}
        readers={marks.get(row.key) ?? []}
        actions={actions}
      />
    </DayAndRow>
  );
}

/** A message, and before it the day where another one begins. */
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
  if (session.at === "signed_in")
    return "Choose a conversation above and connect. Whoever is there will see you join.";
  if (session.at !== "open") return "";
  if (session.terms === undefined) return `Connecting to ${conversation}…`;
  return loading ? "Loading…" : "Nobody has spoken here yet. Write the first message.";
}
