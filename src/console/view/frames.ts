import { type Direction, type LogEntry, prettyJson } from "../frame-log.ts";
import { preciseTime, size } from "../wording.ts";
import { element, find, setText } from "./element.ts";

const ARROWS: Record<Direction, { sign: string; word: string }> = {
  sent: { sign: "↑", word: "sent" },
  received: { sign: "↓", word: "received" },
  line: { sign: "·", word: "connection" },
};

/** The foldable log of what went over the line. Costs nothing while it is folded. */
export function framesView(clear: () => void): (log: readonly LogEntry[]) => void {
  const fold = find("frames", HTMLDetailsElement);
  const list = find("frame-list", HTMLElement);
  const counter = find("frames-count", HTMLElement);
  const nodes = new Map<number, HTMLElement>();
  let log: readonly LogEntry[] = [];

  find("frames-clear", HTMLButtonElement).addEventListener("click", clear);
  fold.addEventListener("toggle", () => {
    draw();
    list.scrollTop = list.scrollHeight;
  });

  function draw(): void {
    if (!fold.open) return;
    const following = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    const first = log[0]?.number ?? Number.POSITIVE_INFINITY;
    for (const [number, node] of nodes) {
      if (number >= first) continue;
      node.remove();
      nodes.delete(number);
    }
    for (const entry of log) {
      if (nodes.has(entry.number)) continue;
      const node = entryNode(entry);
      nodes.set(entry.number, node);
      list.append(node);
    }
    if (following) list.scrollTop = list.scrollHeight;
  }

  return (next) => {
    if (next === log) return;
    log = next;
    setText(counter, String(log.length));
    draw();
  };
}

function entryNode(entry: LogEntry): HTMLElement {
  const arrow = ARROWS[entry.direction];
  const head = [
    element("span", { class: "arrow", title: arrow.word }, arrow.sign),
    element("span", { class: "unseen" }, arrow.word),
    element("time", {}, preciseTime(entry.at)),
    element("span", { class: "type" }, entry.type),
    element("span", { class: "bytes" }, entry.direction === "line" ? "" : size(entry.bytes)),
  ];
  if (entry.direction === "line") {
    return element("li", { class: "frame line" }, element("div", { class: "frame-head" }, ...head));
  }
  const content = element("pre", {});
  const fold = element("details", {}, element("summary", { class: "frame-head" }, ...head), content);
  // Made when it is looked at: most frames never are.
  fold.addEventListener("toggle", () => setText(content, prettyJson(entry.text)), { once: true });
  return element("li", { class: `frame ${entry.direction}` }, fold);
}
