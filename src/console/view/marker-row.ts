import type { Item } from "../layout.ts";
import { count } from "../wording.ts";
import { button, element } from "./element.ts";

/** Most messages that one answer of the server holds. */
const MOST_AT_ONCE = 200;

/** What stands in the list where messages are missing, or where others begin (D5). */
export function markerRow(
  item: Exclude<Item, { readonly kind: "row" }>,
  loadBefore: (seq: number, limit: number) => void,
): HTMLElement {
  switch (item.kind) {
    case "hole": {
      const missing = item.last - item.first + 1;
      const load = () => loadBefore(item.last + 1, Math.min(missing, MOST_AT_ONCE));
      return marker(
        "hole",
        `${count(missing, "message")} before #${item.last + 1} not loaded`,
        button("Load (1 request)", "plain small", load),
      );
    }
    case "lost": {
      const missing = count(item.last - item.first + 1, "message");
      return marker("lost", `${missing} missing here (#${item.first} to #${item.last}): no longer kept`);
    }
    case "anew":
      return marker("anew", "The server’s store began anew. What stands above is no longer on it.");
    default:
      return item satisfies never;
  }
}

function marker(kind: string, text: string, ...more: HTMLElement[]): HTMLElement {
  const node = element("li", { class: "hole" }, element("span", {}, text), ...more);
  node.dataset.missing = kind;
  return node;
}
