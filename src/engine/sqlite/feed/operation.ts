import type { NewFeedEvent } from "../../../core/feed/feed-event.ts";
import type { PresentUser } from "./present-table.ts";

/** The events of a batch, which are carried out with the other operations of its turn. */
export interface FeedOperation {
  readonly kind: "feed";
  readonly request: {
    readonly events: readonly NewFeedEvent[];
    /** Who is present from now on, or no more (present-table.ts). */
    readonly joined?: readonly PresentUser[];
    readonly left?: readonly PresentUser[];
  };
  readonly done: (result: { readonly outcome: "done" | "unavailable" }) => void;
}
