import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Bench } from "../bench.ts";
import type { BenchClient } from "../bench-client.ts";
import { HISTORY_PAGE } from "../hear.ts";
import { type Item, layOut, readMarks } from "../layout.ts";
import type { State } from "../state.ts";
import { hasEarlier, MAX_STORED_ROWS, type Row, type Transcript } from "../transcript.ts";
import { count, dayName } from "../wording.ts";
import { MarkerRow } from "./marker-row.tsx";
import { continuesBlock, MessageRow, type RowActions } from "./message-row.tsx";

/** Closer to the end than this, in pixels, the view follows new messages. */
const NEAR_END = 80;

/** More new messages than this at once are announced as a number, not read out one by one. */
const READ_OUT = 3;

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
  const setting = settingOf(state, state.limitedUntil === undefined ? Date.now() : bench.now.value);
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

/** Keeps the end in view while it is looked at, what is read in its place when older messages come, and tells what was seen. */
function useFollowing(client: BenchClient, transcript: Transcript, user: string) {
  const scroller = useRef<HTMLElement>(null);
  const announcer = useRef<HTMLParagraphElement>(null);
  const [hasNewer, setNewer] = useState(false);
  /** How it was after the last drawing, or the last scrolling. */
  const before = useRef<{ height: number; following: boolean; shown?: Transcript; hasNewer: boolean }>({
    height: 0,
    following: true,
    hasNewer: false,
  });

  function atEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = scroller.current!;
    return scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  function toEnd(): void {
    scroller.current!.scrollTop = scroller.current!.scrollHeight;
    before.current.following = true;
    tellNewer(false);
  }

  function tellNewer(newer: boolean): void {
    before.current.hasNewer = newer;
    setNewer(newer);
  }

  function noteSeen(): void {
    const { stored } = client.current().transcript;
    const newest = stored[stored.length - 1]?.seq;
    if (newest !== undefined && document.hasFocus() && atEnd()) client.happen({ type: "seen", seq: newest });
  }

  useEffect(() => {
    const element = scroller.current!;
    const onScroll = () => {
      before.current.following = atEnd();
      if (before.current.following) tellNewer(false);
      noteSeen();
    };
    // The composer grows and notices appear: what was at the end stays at the end.
    const resized = new ResizeObserver(() => {
      if (!before.current.hasNewer && before.current.following) element.scrollTop = element.scrollHeight;
    });
    element.addEventListener("scroll", onScroll);
    addEventListener("focus", noteSeen);
    resized.observe(element);
    return () => {
      element.removeEventListener("scroll", onScroll);
      removeEventListener("focus", noteSeen);
      resized.disconnect();
    };
  }, [client]);

  useLayoutEffect(() => {
    const element = scroller.current!;
    const { shown, height, following } = before.current;
    const oldest = transcript.stored[0]?.seq ?? transcript.newest + 1;
    const shownFirst = shown?.stored[0]?.seq;
    const prepended = shownFirst !== undefined && oldest < shownFirst;
    const wroteMore = transcript.outbox.length > (shown?.outbox.length ?? 0);
    if (wroteMore || (following && !prepended)) element.scrollTop = element.scrollHeight;
    else if (prepended) element.scrollTop += element.scrollHeight - height;
    const fresh = arrived(shown, transcript).filter((row) => row.from !== user);
    if (fresh.length > 0) {
      const words = fresh.map((row) => `${row.from}: ${row.text}`).join(". ");
      announcer.current!.textContent = fresh.length > READ_OUT ? count(fresh.length, "new message") : words;
      if (!following) tellNewer(true);
    }
    const isAtEnd = atEnd();
    before.current = {
      ...before.current,
      height: element.scrollHeight,
      following: isAtEnd,
      shown: transcript,
    };
    noteSeen();
  });

  return { scroller, announcer, hasNewer, toEnd };
}

function settingOf({ transcript, session, limitedUntil = 0 }: State, now: number): Setting {
  const user = session.at === "signed_out" ? "" : session.user;
  const open = session.at === "open" ? session : undefined;
  const marks = readMarks(transcript.stored, open?.members ?? [], user);
  const held = limitedUntil > now || (open?.line.at !== "live" && open?.line.at !== "resuming");
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

/** Messages after the newest one that was there before; none when a conversation is shown for the first time. */
function arrived(before: Transcript | undefined, now: Transcript): readonly Row[] {
  const newest = before?.stored[before.stored.length - 1]?.seq;
  if (before === undefined) return [];
  if (newest === undefined) return now.stored.length === 1 ? now.stored : [];
  const known = now.stored.findLastIndex((row) => row.seq <= newest);
  return known === -1 ? [] : now.stored.slice(known + 1);
}

function emptyText({ session, conversation, loading }: State): string {
  if (session.at === "signed_in")
    return "Choose a conversation above and connect. Whoever is there will see you join.";
  if (session.at !== "open") return "";
  if (session.terms === undefined) return `Connecting to ${conversation}…`;
  return loading ? "Loading…" : "Nobody has spoken here yet. Write the first message.";
}
