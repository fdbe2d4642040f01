import type { Row } from "../transcript.ts";
import { clockTime, listNames } from "../wording.ts";
import { avatar } from "./avatar.ts";
import { button, element } from "./element.ts";

/** Messages of one person within this time are shown as one block, in milliseconds. */
const BLOCK_TIME = 5 * 60_000;

/** What a row needs to know beyond itself. */
export interface RowPlace {
  readonly own: boolean;
  /** The row above belongs to the same block, so that name and mark need not be repeated. */
  readonly continues: boolean;
  /** It cannot be sent at once: the line is away, or the quota is used up. */
  readonly held: boolean;
  /** Who has read up to here. */
  readonly readers: readonly string[];
}

export interface RowActions {
  sayAgain(id: string): void;
  takeBack(id: string): void;
}

/** Says whether `row` belongs to the block of the row above it. */
export function continuesBlock(row: Row, above: Row | undefined): boolean {
  return above !== undefined && above.from === row.from && row.at - above.at < BLOCK_TIME;
}

/** One message: who, what, when, and its `seq`; an own one with how far it has come. */
export function messageRow(
  row: Row,
  { own, continues, held, readers }: RowPlace,
  actions: RowActions,
): HTMLElement {
  const kind = `message${own ? " own" : ""}${continues ? " continues" : ""} ${row.kind}`;
  const bubble = element("div", { class: "bubble" }, element("p", { class: "text", dir: "auto" }, row.text));
  const body = element(
    "div",
    { class: "body" },
    element("span", { class: continues ? "unseen" : "from" }, own ? `${row.from} (you)` : row.from),
    bubble,
    meta(row, own, held),
  );
  if (row.kind === "pending" && held) {
    body.append(button("Take back", "plain small", () => actions.takeBack(row.id)));
  }
  if (row.kind === "failed") {
    body.append(
      element(
        "div",
        { class: "failure" },
        element("p", {}, row.problem ?? "Not sent."),
        button("Send again", "plain small", () => actions.sayAgain(row.id)),
      ),
    );
  }
  if (readers.length > 0) body.append(element("p", { class: "readers" }, `Read by ${listNames(readers)}`));
  const item = element("li", { class: kind }, own ? "" : avatar(row.from), body);
  item.dataset.delivery = row.kind;
  if (row.kind === "stored") item.dataset.seq = String(row.seq);
  return item;
}

function meta(row: Row, own: boolean, held: boolean): HTMLElement {
  const time = element(
    "time",
    { datetime: new Date(row.at).toISOString(), title: new Date(row.at).toLocaleString() },
    clockTime(row.at),
  );
  const line = element("p", { class: "meta" }, time);
  if (row.kind === "stored") {
    line.append(element("span", { class: "seq", title: `Sequence ${row.seq}` }, `#${row.seq}`));
    if (own) line.append(mark("tick", "✓", "stored"));
  } else if (row.kind === "pending") {
    line.append(mark("waiting", "○", held ? "waits to be sent" : "sending…"));
  } else {
    line.append(mark("failed-mark", "!", "not sent"));
  }
  return line;
}

function mark(kind: string, sign: string, word: string): HTMLElement {
  return element("span", { class: kind }, element("span", { "aria-hidden": "true" }, sign), ` ${word}`);
}
