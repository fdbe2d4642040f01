// The schemas of the verbs about conversations and their members.
import { z } from "zod";
import { InboxItem, InboxRequest, RemovedInboxItem } from "../../../protocol/frames/inbox-frames.ts";
import { Identifier } from "../../../protocol/identifiers.ts";
import { DEFAULT_PRESENCE_LIMIT, MAX_PRESENCE_LIMIT } from "../../../protocol/limits.ts";
import {
  ConversationBody,
  ConversationPatch,
  ListQuery,
  MemberBody,
  NewConversationBody,
  Role,
  SanctionBody,
} from "../../../protocol/member-requests.ts";
import { PresentUser } from "../../../protocol/server-frames.ts";
import type { VerbSchemas } from "./verb-schemas.ts";

/** A conversation as the sender of the request sees it. */
export const Facts = z.object({
  conversation: Identifier,
  access: z.enum(["anyone", "members"]),
  title: z.string().optional(),
  data: z.record(z.string(), z.json()).optional(),
  /** The other user of a direct conversation. */
  direct: Identifier.optional(),
  role: Role.optional(),
  muted: z.object({ until: z.int().optional(), by: z.string() }).optional(),
  seq: z.int(),
  epoch: z.string(),
  /** When the newest message was stored, else when the conversation was made. */
  at: z.int(),
});

/** A member. `read` is how far it has read. */
export const Member = z.object({
  user: Identifier,
  role: Role,
  since: z.int(),
  read: z.int().optional(),
});

/** A mute or a ban. Without `until` it has no end. */
export const Sanction = z.object({
  user: Identifier,
  until: z.int().optional(),
  reason: z.string().optional(),
  /** The user, or the name of the API key, that gave it. */
  by: z.string(),
  at: z.int(),
});

const Repeated = z.literal(true).optional();
const MadeFacts = Facts.extend({ duplicate: Repeated });
const PAGE = { more: z.boolean(), cursor: z.string().optional() };

const { limit, cursor, after } = InboxRequest.shape;
/** `user`: for API keys. */
const InboxQuery = z.object({ limit, cursor, after, user: Identifier.optional() });

const Inbox = z.object({
  items: z.array(z.union([InboxItem, RemovedInboxItem])),
  more: z.boolean(),
  cursor: z.string().optional(),
  reset: z.literal(true).optional(),
  position: z.string(),
  unread_total: z.int(),
  unread_conversations: z.int(),
});

const PresenceQuery = z.object({
  limit: z.int().min(1).max(MAX_PRESENCE_LIMIT).default(DEFAULT_PRESENCE_LIMIT),
  cursor: z.string().optional(),
});

/** By method and path. */
export const CONVERSATION_VERBS = {
  "GET /inbox": { query: InboxQuery, answers: { 200: Inbox } },
  "POST /conversations": { body: NewConversationBody, answers: { 200: MadeFacts, 201: Facts } },
  "GET /conversations/:id": { answers: { 200: Facts } },
  "PUT /conversations/:id": { body: ConversationBody, answers: { 200: Facts, 201: Facts } },
  "PATCH /conversations/:id": { body: ConversationPatch, answers: { 200: Facts } },
  "DELETE /conversations/:id": { answers: { 204: null } },
  "GET /conversations/:id/presence": {
    query: PresenceQuery,
    answers: { 200: z.object({ present: z.array(PresentUser), present_count: z.int(), ...PAGE }) },
  },
  "GET /conversations/:id/members": {
    query: ListQuery,
    answers: { 200: z.object({ members: z.array(Member), ...PAGE }) },
  },
  "PUT /conversations/:id/members/:user": { body: MemberBody, answers: { 200: Member } },
  "DELETE /conversations/:id/members/:user": { answers: { 204: null } },
  "GET /conversations/:id/mutes": {
    query: ListQuery,
    answers: { 200: z.object({ mutes: z.array(Sanction), ...PAGE }) },
  },
  "PUT /conversations/:id/mutes/:user": { body: SanctionBody, answers: { 200: Sanction } },
  "DELETE /conversations/:id/mutes/:user": { answers: { 204: null } },
  "GET /conversations/:id/bans": {
    query: ListQuery,
    answers: { 200: z.object({ bans: z.array(Sanction), ...PAGE }) },
  },
  "PUT /conversations/:id/bans/:user": { body: SanctionBody, answers: { 200: Sanction } },
  "DELETE /conversations/:id/bans/:user": { answers: { 204: null } },
} as const satisfies Readonly<Record<string, VerbSchemas>>;
