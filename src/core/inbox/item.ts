import {
  type InboxItem,
  type InboxPreview,
  MAX_PREVIEW_CHARACTERS,
  type RemovedInboxItem,
} from "../../protocol/frames/inbox-frames.ts";
import type { Entry } from "../conversation/entry.ts";
import { type ConversationFacts, isInForce, type Standing } from "../members/records.ts";
import type { InboxReader, InboxView } from "../ports/conversation/inbox.ts";
import { unreadOf } from "./unread.ts";

/** What an item is made of. */
export interface ItemParts {
  readonly conversation: string;
  readonly user: string;
  readonly view: InboxView;
  readonly reader: InboxReader;
  readonly facts: ConversationFacts | undefined;
  readonly standing: Standing | undefined;
  /** The store's time, in milliseconds since 1970. */
  readonly now: number;
}

/** Returns an item of the inbox of `user`; one that is `removed` if the user does not belong to the conversation. */
export function itemOf(parts: ItemParts): InboxItem | RemovedInboxItem {
  const { conversation, user, view, reader, facts, standing, now } = parts;
  if (standing?.role === undefined) return removedItem(conversation);
  const { muted, since = 0, role } = standing;
  const direct = facts?.direct?.find((one) => one !== user);
  return {
    conversation,
    ...(facts?.title !== undefined && { title: facts.title }),
    ...(facts?.data !== undefined && { data: facts.data as InboxItem["data"] }),
    ...(direct !== undefined && { direct }),
    access: facts?.access ?? "anyone",
    role,
    at: sortTime(view, since),
    seq: view.seq,
    epoch: view.epoch,
    last: view.newest === undefined ? null : previewOf(view.newest),
    read: reader.read,
    unread: unreadOf(view, reader.read),
    ...(muted !== undefined &&
      isInForce(muted, now) && {
        muted: { ...(muted.until !== undefined && { until: muted.until }), by: muted.by },
      }),
  };
}

export function removedItem(conversation: string): RemovedInboxItem {
  return { conversation, removed: true };
}

/** The time by which the list is sorted: that of the newest message, else of the joining. In milliseconds since 1970. */
export function sortTime({ at }: Pick<InboxView, "at">, since: number): number {
  return at > 0 ? at : since;
}

/** The beginning of a message. Its body is parsed here only; no other code of the server reads the content of messages. */
export function previewOf({ seq, from, body, at }: Entry): InboxPreview {
  const { text = "", erased } = JSON.parse(`{${body}}`) as {
    readonly text?: string;
    readonly erased?: object;
  };
  const preview = { seq, from, text: beginningOf(text), at };
  return erased === undefined ? preview : { ...preview, erased: true };
}

/** Cuts between characters of Unicode, not between the halves of one. */
function beginningOf(text: string): string {
  if (text.length <= MAX_PREVIEW_CHARACTERS) return text;
  return Array.from(text.slice(0, 2 * MAX_PREVIEW_CHARACTERS))
    .slice(0, MAX_PREVIEW_CHARACTERS)
    .join("");
}
