// The objects that docs/openapi.json names, and docs/HTTP.md lists: those that several verbs take or answer.
import type { z } from "zod";
import { FEED_EVENTS, FeedEvent } from "../../../src/protocol/feed/event-schemas.ts";
import { InboxItem, RemovedInboxItem } from "../../../src/protocol/frames/inbox-frames.ts";
import { Identifier, MessageId } from "../../../src/protocol/identifiers.ts";
import { ErrorCodeName, Message, PresentUser, Quota } from "../../../src/protocol/server-frames.ts";
import {
  ApiKeyFacts,
  KeptConversation,
  Retention,
  Revocation,
  User,
} from "../../../src/server/http/routes/operator/schemas.ts";
import { WebhookFacts } from "../../../src/server/http/routes/operator/webhook-schemas.ts";
import { Tokens } from "../../../src/server/http/schemas/access.ts";
import { Facts, Member, Sanction } from "../../../src/server/http/schemas/conversations.ts";
import { Changed, Posted, StreamStarted } from "../../../src/server/http/schemas/messages.ts";
import { OAuthProblem, Problem } from "../../../src/server/http/schemas/problems.ts";

interface Component {
  readonly schema: z.ZodType;
  readonly about: string;
  /** It is in requests, and so has no further fields. */
  readonly asked?: true;
}

/** By name, in the order of the documents. */
export const COMPONENTS: Readonly<Record<string, Component>> = {
  Identifier: { schema: Identifier, about: "The name of a user, a conversation, an API key or a webhook." },
  MessageId: {
    schema: MessageId,
    about: "A message's name, chosen by its sender; a repeat has the same one.",
  },
  Tokens: { schema: Tokens, about: "What a sign-in or a refresh gives. Times are in seconds." },
  Quota: {
    schema: Quota,
    about:
      "What is left of the plan's requests an hour; `reset`, in seconds, until all of it is there again.",
  },
  Facts: { schema: Facts, about: "A conversation as the sender of the request sees it." },
  Member: { schema: Member, about: "A member of a conversation; `read` is how far it has read." },
  Sanction: { schema: Sanction, about: "A mute or a ban; without `until` it has no end." },
  PresentUser: { schema: PresentUser, about: "A user who is present; `since` when." },
  Message: { schema: Message, about: "A message as every user sees it." },
  Posted: { schema: Posted, about: "A message that is stored; `duplicate` where it was so before." },
  Changed: {
    schema: Changed,
    about: "A change of a message; what changes nothing has `duplicate` and no `rev`.",
  },
  StreamStarted: { schema: StreamStarted, about: "A stream to write to; the append after `n` comes next." },
  InboxItem: {
    schema: InboxItem,
    about: "A conversation of a user, with its newest message and unread count.",
  },
  RemovedInboxItem: { schema: RemovedInboxItem, about: "A conversation that is no longer in the list." },
  User: { schema: User, about: "An account." },
  Revocation: { schema: Revocation, about: "Tokens that are not accepted any more." },
  ApiKey: { schema: ApiKeyFacts, about: "An API key, without the key itself." },
  Retention: {
    asked: true,
    schema: Retention,
    about:
      "How long messages are kept; 0 is without an end, and a field that is missing is as in the settings.",
  },
  KeptConversation: { schema: KeptConversation, about: "A conversation in the operator's list." },
  Webhook: { schema: WebhookFacts, about: "A webhook, and how far it has come." },
  ErrorCode: {
    schema: ErrorCodeName,
    about: "The name of an error; it does not change. docs/ERRORS.md has all.",
  },
  Problem: { schema: Problem, about: "A refusal (RFC 9457)." },
  OAuthProblem: { schema: OAuthProblem, about: "A refusal of a sign-in, as OAuth 2 has it." },
  ...Object.fromEntries(
    Object.entries(FEED_EVENTS).map(([type, schema]) => [
      eventComponent(type),
      { schema, about: `The event \`${type}\`.` },
    ]),
  ),
  Event: { schema: FeedEvent, about: "What happened, as `GET /events` and webhooks have it." },
};

/** Returns the name of an event's component: `MessageCreatedEvent`. */
export function eventComponent(type: string): string {
  const words = type.split(".").map((word) => word[0]!.toUpperCase() + word.slice(1));
  return `${words.join("")}Event`;
}
