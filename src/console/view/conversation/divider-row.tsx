import type { ComponentChildren } from "preact";
import type { MessageListItem } from "../../client/message-list-items.ts";
import { pluralize } from "../../format.ts";

interface DividerRowProps {
  readonly item: Exclude<MessageListItem, { readonly kind: "row" }>;
  /** Loads messages of a hole: those before `seq`, or those before the newest messages. */
  loadHole(seq: number, isNewest: boolean): void;
}

/** A row of the list that shows missing messages, or the start of a new epoch (D5). */
export function DividerRow({ item, loadHole }: DividerRowProps) {
  switch (item.kind) {
    case "hole": {
      const missing = item.last - item.first + 1;
      return (
        <Divider kind="hole" text={`${pluralize(missing, "message")} before #${item.last + 1} not loaded`}>
          <button type="button" class="plain small" onClick={() => loadHole(item.last + 1, item.isNewest)}>
            Load (1 request)
          </button>
        </Divider>
      );
    }
    case "lost": {
      const missing = pluralize(item.last - item.first + 1, "message");
      const text = `${missing} missing here (#${item.first} to #${item.last}): no longer kept`;
      return <Divider kind="lost" text={text} />;
    }
    case "new_epoch":
      return (
        <Divider
          kind="new-epoch"
          text="The server’s store was restored or lost data. It no longer has earlier messages."
        />
      );
    default:
      return item satisfies never;
  }
}

interface DividerProps {
  readonly kind: string;
  readonly text: string;
  readonly children?: ComponentChildren;
}

function Divider({ kind, text, children }: DividerProps) {
  return (
    <li class="hole" data-missing={kind}>
      <span>{text}</span>
      {children}
    </li>
  );
}
