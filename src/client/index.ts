// The client library, published as `parley-client` and `parley/client`. It runs wherever a WebSocket exists: browsers, workers,
// Node 22, Bun, Deno. This file exports everything that is public. What keeps a list is a function of its own, so that a page
// which does not import it does not load it.
export type { PresentUser, Quota } from "../protocol/server-frames.ts";
export type { ConversationStatus, Refusal } from "./conversation/opening.ts";
export type { Lost, Place } from "./conversation/sequencer.ts";
export type {
  Ack,
  CancelTarget,
  Conversation,
  ConversationEvents,
  EditFields,
  HistoryOptions,
  PendingSend,
  Presence,
  ReadMark,
  SendOptions,
  Target,
  Typing,
} from "./conversation/types.ts";
export type { HistoryPage } from "./history-page.ts";
export type { Request } from "./http.ts";
export type { Advice, Status } from "./line/state.ts";
export type { AnyData, Message } from "./message.ts";
export { connect, type Parley, type ParleyEvents, type QuotaNotice } from "./parley.ts";
export { browserStorage } from "./requests/browser-storage.ts";
export type { StreamEnd } from "./stream/step.ts";
export { type Stream, type StreamOptions, startStream } from "./stream/stream.ts";
export type { Timing } from "./timing.ts";
export { type ErrorFacts, ParleyError, type ParleyErrorCode } from "./types/error.ts";
export type {
  Access,
  Change,
  ConversationFacts,
  InboxItem,
  MemberChange,
  Muted,
  Role,
  Welcome,
} from "./types/frames.ts";
export type {
  ClientStorage,
  LineWaits,
  NewConversation,
  Options,
  Pending,
  PendingChange,
  PendingMessage,
  SocketOptions,
  TokenSource,
  WebSocketLike,
} from "./types/options.ts";
export type { Readable } from "./values/readable.ts";
export type { Changing, Entry } from "./watch/entry.ts";
export { type InboxWatch, watchInbox } from "./watch/inbox.ts";
export type { InboxList } from "./watch/inbox-list.ts";
export {
  type Member,
  type MemberList,
  type MemberWatch,
  type Sanction,
  watchMembers,
} from "./watch/members.ts";
export type { MessageList } from "./watch/message-list.ts";
export { type MessageWatch, watchMessages } from "./watch/messages.ts";
export { type PresenceList, watchPresence } from "./watch/presence.ts";
