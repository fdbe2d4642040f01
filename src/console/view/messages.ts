import type { State } from "../state.ts";
import { hasEarlier, MAX_STORED_ROWS, type Row, type Transcript } from "../transcript.ts";
import { count, dayName } from "../wording.ts";
import { button, element, find, setText } from "./element.ts";
import { continuesBlock, messageRow } from "./message-row.ts";

/** Closer to the end than this, in pixels, the view follows new messages. */
const NEAR_END = 80;

/** More new messages than this at once are announced as a number, not read out one by one. */
const READ_OUT = 3;

export interface MessageActions {
  sayAgain(id: string): void;
  loadBefore(seq: number, limit?: number): void;
}

interface Shown {
  readonly node: HTMLElement;
  /** Everything the node was made from; when it differs, the node is made anew. */
  readonly print: string;
}

/** The conversation. Rows are kept by key and changed only where they differ, so that thousands stay fast. */
export function messagesView(actions: MessageActions): (state: State, now: number) => void {
  const scroller = find("scroller", HTMLElement);
  const list = find("messages", HTMLElement);
  const empty = find("empty", HTMLElement);
  const earlier = find("earlier", HTMLButtonElement);
  const newer = find("newer", HTMLButtonElement);
  const announcer = find("announcer", HTMLElement);
  let rows = new Map<string, Shown>();
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
  });
  earlier.addEventListener("click", () => actions.loadBefore(oldest));
  // The composer grows and notices appear: what was at the end stays at the end.
  new ResizeObserver(() => {
    if (newer.hidden) toEnd();
  }).observe(scroller);

  function draw(transcript: Transcript, user: string, now: number): void {
    const next = new Map<string, Shown>();
    let above: Row | undefined;
    const place = (key: string, print: string, make: () => HTMLElement) => {
      const old = rows.get(key);
      next.set(key, old?.print === print ? old : { node: make(), print });
    };
    for (const row of [...transcript.stored, ...transcript.outbox]) {
      const hole = row.kind === "stored" && above?.kind === "stored" ? row.seq - above.seq - 1 : 0;
      if (hole > 0) {
        const key = `hole ${(row as { seq: number }).seq}`;
        place(key, String(hole), () => holeRow((row as { seq: number }).seq, hole, actions));
        above = undefined;
      }
      const day = dayName(row.at, now);
      if (above === undefined || dayName(above.at, now) !== day) {
        place(`day ${row.key}`, day, () => element("li", { class: "day" }, element("span", {}, day)));
        above = undefined;
      }
      const continues = continuesBlock(row, above);
      const own = row.from === user;
      const print = JSON.stringify([row, continues, own]);
      place(row.key, print, () => messageRow(row, { own, continues }, actions.sayAgain));
      above = row;
    }
    arrange(list, [...next.values()]);
    rows = next;
  }

  return (state, now) => {
    const { transcript, session } = state;
    const user = session.at === "signed_out" ? "" : session.user;
    oldest = transcript.stored[0]?.seq ?? transcript.newest + 1;
    const full = transcript.stored.length >= MAX_STORED_ROWS;
    earlier.hidden = !hasEarlier(transcript) || full || session.at !== "open";
    earlier.disabled = state.loading !== undefined;
    setText(earlier, state.loading === undefined ? "Load earlier messages (1 request)" : "Loading…");
    setText(empty, emptyText(state));
    empty.hidden = transcript.stored.length + transcript.outbox.length > 0;

    const signature = `${user} ${new Date(now).toDateString()}`;
    if (transcript === drawn && signature === drawnFor) return;
    const following = atEnd() || drawn === undefined;
    const before = { height: scroller.scrollHeight, top: scroller.scrollTop, first: drawn?.stored[0]?.seq };
    const wroteMore = transcript.outbox.length > (drawn?.outbox.length ?? 0);
    draw(transcript, user, now);
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
  };
}

/** Puts the nodes into the list in their order, moving only what is not in its place. */
function arrange(list: HTMLElement, rows: readonly Shown[]): void {
  const wanted = new Set<Node>(rows.map(({ node }) => node));
  for (const node of [...list.children]) if (!wanted.has(node)) node.remove();
  let position = list.firstChild;
  for (const { node } of rows) {
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

function holeRow(seq: number, hole: number, actions: MessageActions): HTMLElement {
  return element(
    "li",
    { class: "hole" },
    element("span", {}, `${count(hole, "message")} before #${seq} not loaded`),
    button("Load (1 request)", "plain small", () => actions.loadBefore(seq, Math.min(hole, 200))),
  );
}

function emptyText({ session, conversation, loading }: State): string {
  if (session.at === "open") {
    return loading === undefined ? "Nobody has spoken here yet. Write the first message." : "Loading…";
  }
  if (session.at === "connecting") return `Connecting to ${conversation}…`;
  if (session.at === "signed_in")
    return "Choose a conversation above and connect. Whoever is there will see you join.";
  return "";
}
