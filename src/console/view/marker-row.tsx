import type { ComponentChildren } from "preact";
import type { Item } from "../layout.ts";
import { count } from "../wording.ts";

/** Most messages that one answer of the server holds. */
const MOST_AT_ONCE = 200;

interface MarkerRowProps {
  readonly item: Exclude<Item, { readonly kind: "row" }>;
  loadBefore(seq: number, limit: number): void;
}

/** What stands in the list where messages are missing, or where others begin (D5). */
export function MarkerRow({ item, loadBefore }: MarkerRowProps) {
  switch (item.kind) {
    case "hole": {
      const missing = item.last - item.first + 1;
      return (
        <Marker kind="hole" text={`${count(missing, "message")} before #${item.last + 1} not loaded`}>
          <button
            type="button"
            class="plain small"
            onClick={() => loadBefore(item.last + 1, Math.min(missing, MOST_AT_ONCE))}
          >
            Load (1 request)
          </button>
        </Marker>
      );
    }
    case "lost": {
      const missing = count(item.last - item.first + 1, "message");
      const text = `${missing} missing here (#${item.first} to #${item.last}): no longer kept`;
      return <Marker kind="lost" text={text} />;
    }
    case "anew":
      return (
        <Marker kind="anew" text="The server’s store began anew. What stands above is no longer on it." />
      );
    default:
      return item satisfies never;
  }
}

interface MarkerProps {
  readonly kind: string;
  readonly text: string;
  readonly children?: ComponentChildren;
}

function Marker({ kind, text, children }: MarkerProps) {
  return (
    <li class="hole" data-missing={kind}>
      <span>{text}</span>
      {children}
    </li>
  );
}
