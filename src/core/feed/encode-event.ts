// The wire form of an event (docs/protocol/EVENTS.md): what the store keeps, and what it is about as that is now.
import { EVENTS_LOST } from "../../protocol/feed/event-types.ts";
import { decodeContent } from "../changes/message-state.ts";
import { type Entry, encodeEntry } from "../conversation/entry.ts";
import type { ConversationFacts } from "../members/records.ts";
import type { FeedEvent } from "./feed-event.ts";

/** What is read for an event when it is sent. */
export interface EventContent {
  /** The message as it is now; undefined: it is not kept. */
  readonly message?: Entry | undefined;
  /** The facts as they are now. `gone`: there is no such conversation any more. */
  readonly facts?: ConversationFacts | "gone" | undefined;
}

/** What has to be read for an event. */
export function contentOf({ type, seq }: FeedEvent): "message" | "facts" | undefined {
  if (type === "conversation.created" || type === "conversation.changed") return "facts";
  return (type.startsWith("message.") || type === "stream.ended") && seq !== undefined
    ? "message"
    : undefined;
}

/** Returns an event as JSON. */
export function encodeEvent(event: FeedEvent, content: EventContent = {}): string {
  const { id, type, at, conversation } = event;
  // The message has its sender, so that not every engine keeps it a second time; it goes with the message.
  const user = type === "message.created" ? content.message?.from : event.user;
  const head = JSON.stringify({
    ...{ id, type, at },
    ...(conversation !== undefined && { conversation }),
    ...(user !== undefined && { user }),
  });
  const nouns = nounsOf(event, content);
  return nouns === "" ? head : `${head.slice(0, -1)},${nouns}}`;
}

/** Returns the id of the event that names what was missed: the same at each reading of the same gap. */
export function lostEventId({ since, until }: { readonly since: number; readonly until: number }): string {
  return `lost-${since.toString(36)}-${until.toString(36)}`;
}

/** Returns the event that names what a reader has missed for good, in milliseconds since 1970 (EV4). */
export function encodeLost({ since, until }: { readonly since: number; readonly until: number }): string {
  const id = lostEventId({ since, until });
  return JSON.stringify({ id, type: EVENTS_LOST, at: until, events: { since, until } });
}

/** The members of an event that are not common to all, as JSON without braces. */
function nounsOf(event: FeedEvent, { message, facts }: EventContent): string {
  const { type, seq, user, details = {} } = event;
  const { by, role, until, on, stream, id, state, reply_to, limit } = details;
  switch (type) {
    case "message.created":
    case "message.edited":
    case "message.erased":
    case "message.unread":
      return member("message", encodeMessage(seq!, message));
    case "message.reacted":
      return `${member("message", encodeMessage(seq!, message))},${encode("reaction", { on })}`;
    case "stream.started":
      return encode("stream", { stream, id, reply_to });
    case "stream.ended": {
      const ended = encode("stream", { stream, id, reply_to, state });
      return seq === undefined ? ended : `${ended},${member("message", encodeMessage(seq, message))}`;
    }
    case "presence.joined":
    case "presence.left":
      return encode("presence", { state: type.slice("presence.".length) });
    case "read.marked":
      return encode("read", { seq });
    case "member.added":
    case "member.removed":
    case "member.role":
    case "member.muted":
    case "member.unmuted":
    case "member.banned":
    case "member.unbanned":
      return encode("member", { user, role, until, by });
    case "conversation.created":
    case "conversation.changed":
      return encode("facts", facts === "gone" ? { gone: "retention", by } : { ...factsOf(facts), by });
    case "conversation.removed":
      return encode("facts", { gone: "retention", by });
    case "quota.exhausted":
      return encode("quota", { limit });
    case "user.erased":
      return "";
    default:
      return type satisfies never;
  }
}

/** A conversation that came to be by talking has no facts, and then everybody may use it. */
function factsOf(facts: ConversationFacts | undefined): object {
  if (facts === undefined) return { access: "anyone" };
  const { access, title, data, direct } = facts;
  return { access, title, data, direct };
}

/** A message as it is now. `gone` says why it has no text: it is not kept (`retention`), or a user took it away (`erased`). */
function encodeMessage(seq: number, entry: Entry | undefined): string {
  if (entry === undefined) return `{"seq":${seq},"gone":"retention"}`;
  const encoded = encodeEntry(entry);
  return isErased(entry) ? `${encoded.slice(0, -1)},"gone":"erased"}` : encoded;
}

function isErased({ body }: Entry): boolean {
  // Looked for before it is parsed: a text that has this in it is parsed for nothing.
  return body.includes('"erased":') && decodeContent(body).erased !== undefined;
}

function encode(name: string, value: object): string {
  return member(name, JSON.stringify(value));
}

function member(name: string, json: string): string {
  return `"${name}":${json}`;
}
