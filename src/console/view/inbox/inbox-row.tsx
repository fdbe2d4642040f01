import type { ConversationFacts, InboxItem } from "../../../client/index.ts";
import { previewOf, shortTime, titleOf } from "../../names.ts";
import { Avatar } from "../avatar.tsx";
import { Icon } from "../icon.tsx";

/** Highest unread count that is shown as a number. */
const MAX_UNREAD_SHOWN = 999;

interface InboxRowProps {
  readonly name: string;
  /** Undefined for a conversation that is not in the inbox. */
  readonly item: InboxItem | undefined;
  readonly facts: Pick<ConversationFacts, "conversation" | "title" | "direct"> | undefined;
  readonly user: string;
  readonly isOpen: boolean;
  readonly now: number;
  open(): void;
}

/** One conversation of the inbox: title, newest message, time and unread count. */
export function InboxRow({ name, item, facts, user, isOpen, now, open }: InboxRowProps) {
  const title = titleOf(facts, name);
  const unread = item?.unread ?? 0;
  const at = item?.last?.at ?? item?.at;
  return (
    <li>
      <button
        type="button"
        class="inbox-row"
        data-conversation={name}
        data-unread={unread}
        aria-current={isOpen ? "true" : undefined}
        onClick={open}
      >
        <Avatar user={title} group={facts?.direct === undefined} />
        <span class="row-text">
          <span class="row-line">
            <span class="row-title">{title}</span>
            {at !== undefined && <time dateTime={new Date(at).toISOString()}>{shortTime(at, now)}</time>}
          </span>
          <span class="row-line">
            <span class="row-preview">{item === undefined ? "Open to anyone" : previewOf(item, user)}</span>
            {item?.muted !== undefined && (
              <span class="row-muted" title="You are muted here">
                <Icon name="muted" />
                <span class="unseen">You are muted</span>
              </span>
            )}
            {unread > 0 && (
              <span class="badge-unread">
                {unread > MAX_UNREAD_SHOWN ? `${MAX_UNREAD_SHOWN}+` : unread}
                <span class="unseen"> unread</span>
              </span>
            )}
          </span>
        </span>
      </button>
    </li>
  );
}
