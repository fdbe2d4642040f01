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

/** One row as it is drawn, with everything it was made from: while that is the same, so are the nodes. */
interface Drawn {
  readonly row: Row;
  readonly above: Row | undefined;
  readonly signature: string;
  /** The message, and before it what separates it from the row above: a hole, a new day. */
  readonly nodes: readonly HTMLElement[];
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
  });
  earlier.addEventListener("click", () => actions.loadBefore(oldest));
  // The composer grows and notices appear: what was at the end stays at the end.
  new ResizeObserver(() => {
    if (newer.hidden) toEnd();
  }).observe(scroller);

  function draw(transcript: Transcript, user: string, now: number, signature: string): void {
    const next = new Map<string, Drawn>();
    let above: Row | undefined;
    for (const row of [...transcript.stored, ...transcript.outbox]) {
      const old = rows.get(row.key);
      const same = old?.row === row && old.above === above && old.signature === signature;
      next.set(
        row.key,
        same ? old : { row, above, signature, nodes: nodesFor(row, above, user, now, actions) },
      );
      above = row;
    }
    arrange(
      list,
      [...next.values()].flatMap(({ nodes }) => nodes),
    );
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
    draw(transcript, user, now, signature);
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

function nodesFor(
  row: Row,
  above: Row | undefined,
  user: string,
  now: number,
  actions: MessageActions,
): HTMLElement[] {
  const nodes: HTMLElement[] = [];
  if (row.kind === "stored" && above?.kind === "stored" && row.seq > above.seq + 1) {
    nodes.push(holeRow(row.seq, row.seq - above.seq - 1, actions));
  }
  const day = dayName(row.at, now);
  if (above === undefined || dayName(above.at, now) !== day) {
    nodes.push(element("li", { class: "day" }, element("span", {}, day)));
  }
  const continues = nodes.length === 0 && continuesBlock(row, above);
  nodes.push(messageRow(row, { own: row.from === user, continues }, actions.sayAgain));
  return nodes;
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
