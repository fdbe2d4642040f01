// The types of the frames, without their schemas, which would add all of zod to the page. A test compares them with the protocol.
import type { ClientFrameType } from "../../protocol/client-frames.ts";
import type { ServerFrameType } from "../../protocol/server-frames.ts";

/** A record, so that a new type of the protocol does not compile until it is added here. */
const CLIENT: Record<ClientFrameType, true> = {
  open: true,
  close: true,
  inbox: true,
  message: true,
  history: true,
  edit: true,
  erase: true,
  react: true,
  typing: true,
  read: true,
  activity: true,
  token: true,
  ping: true,
  stream_start: true,
  stream_append: true,
  stream_end: true,
  stream_cancel: true,
};

const SERVER: Record<ServerFrameType, true> = {
  welcome: true,
  opened: true,
  closed: true,
  inbox: true,
  inbox_item: true,
  message: true,
  ack: true,
  history: true,
  change: true,
  stream_started: true,
  stream_stored: true,
  stream_cancel: true,
  stream: true,
  stream_append: true,
  presence: true,
  presence_count: true,
  typing: true,
  read: true,
  member: true,
  conversation: true,
  warning: true,
  error: true,
  pong: true,
  token_accepted: true,
  degraded: true,
  recovered: true,
  closing: true,
};

export const CLIENT_FRAME_TYPES: readonly string[] = Object.keys(CLIENT);
export const SERVER_FRAME_TYPES: readonly string[] = Object.keys(SERVER);
