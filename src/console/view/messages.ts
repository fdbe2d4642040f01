import { type Item, layOut, readMarks } from "../layout.ts";
import type { State } from "../state.ts";
import { hasEarlier, MAX_STORED_ROWS, type Row, type Transcript } from "../transcript.ts";
import { count, dayName } from "../wording.ts";
import { element, find, setText } from "./element.ts";
import { markerRow } from "./marker-row.ts";
import { continuesBlock, messageRow, type RowActions } from "./message-row.ts";

/** Closer to the end than this, in pixels, the view follows new messages. */
const NEAR_END = 80;

/** More new messages than this at once are announced as a number, not read out one by one. */
const READ_OUT = 3;

export interface MessageActions extends RowActions {
  loadBefore(seq: number, limit?: number): void;
  /** The newest message is in view, and the page is looked at. */
  seen(seq: number): void;
}

/** One item as it is drawn, with everything it was made from: while that is the same, so are the nodes. */
interface Drawn {
  readonly item: Item;
  readonly signature: string;
  /** The message (or the marker), and before it the day where another one begins. */
  readonly nodes: readonly HTMLElement[];
}

/** What all rows have in common. */
interface Setting {
  readonly user: string;
  readonly today: string;
  readonly now: number;
  readonly held: boolean;
  readonly marks: ReadonlyMap<string, readonly string[]>;
}

/** The conversation. Rows are kept by key and made anew only where they differ, so that thousands stay fast. */
export function messagesView(actions: MessageActions): (state: State, now: number) => void {
  const scroller = find("scroller", HTMLElement);
  const list = find("messages", HTMLElement);
  const empty = find("empty", HTMLElement);
  const earlier = find("earlier", HTMLButtonElement);
  const newer = find("newer", HTMLButtonElement);
  const announcer = find("announcer", HTMLElement);
  let rows = new Map<string, Drawn>();
  let drawn: Transcript | undefined;
  let drawnFor = "";
  let oldest = 0;

  const atEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END;
  const toEnd = () => {
    scroller.scrollTop = scroller.scrollHeight;
  };
  newer.addEventListener("click", () => {
    toEnd();
    find("text", HTMLTextAreaElement).focus();
  });
  scroller.addEventListener("scroll", () => {
    if (atEnd()) newer.hidden = true;
    noteSeen();
  });
  addEventListener("focus", noteSeen);
  earlier.addEventListener("click", () => actions.loadBefore(oldest));
  // The composer grows and notices appear: what was at the end stays at the end.
  new ResizeObserver(() => {
    if (newer.hidden) toEnd();
  }).observe(scroller);

  function noteSeen(): void {
    const newest = drawn?.stored[drawn.stored.length - 1]?.seq;
    if (newest !== undefined && document.hasFocus() && atEnd()) actions.seen(newest);
  }

  function draw(transcript: Transcript, setting: Setting): void {
    const next = new Map<string, Drawn>();
    for (const item of layOut(transcript)) {
      const signature = signatureOf(item, setting);
      const old = rows.get(item.key);
      const same = old !== undefined && old.signature === signature && isSame(old.item, item);
      next.set(item.key, same ? old : { item, signature, nodes: nodesFor(item, setting, actions) });
    }
    arrange(
      list,
      [...next.values()].flatMap(({ nodes }) => nodes),
    );
    rows = next;
  }

  return (state, now) => {
    const { transcript, session, limitedUntil = 0 } = state;
    const user = session.at === "signed_out" ? "" : session.user;
    oldest = transcript.stored[0]?.seq ?? transcript.newest + 1;
    const full = transcript.stored.length >= MAX_STORED_ROWS;
    earlier.hidden = !hasEarlier(transcript) || full || session.at !== "open";
    earlier.disabled = state.loading;
    setText(earlier, state.loading ? "Loading…" : "Load earlier messages (1 request)");
    setText(empty, emptyText(state));
    const { stored, outbox, past } = transcript;
    empty.hidden = stored.length + outbox.length > 0 || past !== undefined;

    const open = session.at === "open" ? session : undefined;
    const marks = readMarks(stored, open?.members ?? [], user);
    const held = limitedUntil > now || (open?.line.at !== "live" && open?.line.at !== "resuming");
    const today = new Date(now).toDateString();
    const signature = JSON.stringify([user, today, held, [...marks]]);
    if (transcript === drawn && signature === drawnFor) return;
    const following = atEnd() || drawn === undefined;
    const before = { height: scroller.scrollHeight, top: scroller.scrollTop, first: drawn?.stored[0]?.seq };
    const wroteMore = outbox.length > (drawn?.outbox.length ?? 0);
    draw(transcript, { user, today, now, held, marks });
    const prepended = before.first !== undefined && oldest < before.first;
    if (wroteMore || (following && !prepended)) toEnd();
    else if (prepended) scroller.scrollTop = before.top + scroller.scrollHeight - before.height;

    const fresh = arrived(drawn, transcript).filter((row) => row.from !== user);
    if (fresh.length > 0) {
      const words = fresh.map((row) => `${row.from}: ${row.text}`).join(". ");
      announcer.textContent = fresh.length > READ_OUT ? count(fresh.length, "new message") : words;
      if (!following) newer.hidden = false;
    }
    drawn = transcript;
    drawnFor = signature;
    noteSeen();
  };
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

function nodesFor(item: Item, { user, now, held, marks }: Setting, actions: MessageActions): HTMLElement[] {
  if (item.kind !== "row") return [markerRow(item, actions.loadBefore)];
  const { row, above, joined } = item;
  const day = dayName(row.at, now);
  const begins = above === undefined || dayName(above.at, now) !== day;
  const own = row.from === user;
  const continues = joined && !begins && continuesBlock(row, above);
  const message = messageRow(row, { own, continues, held, readers: marks.get(row.key) ?? [] }, actions);
  return begins ? [element("li", { class: "day" }, element("span", {}, day)), message] : [message];
}

/** Puts the nodes into the list in their order, moving only what is not in its place. */
function arrange(list: HTMLElement, nodes: readonly HTMLElement[]): void {
  const wanted = new Set<Element>(nodes);
  for (const node of [...list.children]) if (!wanted.has(node)) node.remove();
  let position = list.firstChild;
  for (const node of nodes) {
    if (node === position) position = position.nextSibling;
    else list.insertBefore(node, position);
  }
}

/** Messages after the newest one that was there before; none when a conversation is shown for the first time. */
function arrived(before: Transcript | undefined, now: Transcript): readonly Row[] {
  const newest = before?.stored[before.stored.length - 1]?.seq;
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
