// The bodies of HTTP requests about conversations and members (docs/protocol/HTTP.md).

import { z } from "zod";
import { isPlainObject } from "./frames/common-fields.ts";
import { Reason, Text } from "./frames/texts.ts";
import { Identifier, MessageId } from "./identifiers.ts";
import { utf8Length } from "./utf8.ts";

/** Most characters of a title. */
export const MAX_TITLE_LENGTH = 200;

/** Most bytes of a conversation's `data` as JSON. */
export const MAX_CONVERSATION_DATA_BYTES = 4096;

/** Longest mute or ban that has an end, in seconds: a hundred years. */
export const MAX_SANCTION_SECONDS = 3_153_600_000;

/** Most entries of one page of a list, and how many a request gets that names no `limit`. */
export const MAX_LIST_LIMIT = 200;
export const DEFAULT_LIST_LIMIT = 50;

const Access = z.enum(["anyone", "members"], "must be `anyone` or `members`");

export const Role = z.enum(["owner", "moderator", "member"], "must be `owner`, `moderator` or `member`");

const Title = Text(MAX_TITLE_LENGTH);

const Data = z
  .custom<Record<string, unknown>>(isPlainObject, "must be a JSON object")
  .refine(
    (value) => utf8Length(JSON.stringify(value)) <= MAX_CONVERSATION_DATA_BYTES,
    `must be ${MAX_CONVERSATION_DATA_BYTES} bytes of JSON or less`,
  )
  .meta({ type: "object" });

const MemberEntry = z.strictObject(
  { user: Identifier, role: Role.optional() },
  "must be an object with a `user`",
);

const Members = z.array(MemberEntry, "must be a list of `{user, role?}`");

/** `PUT /conversations/{conversation_id}`. */
export const ConversationBody = z.strictObject({
  access: Access.optional(),
  title: Title.optional(),
  data: Data.optional(),
  members: Members.optional(),
});

/** `POST /conversations`. `direct`: the other user of a direct conversation. `from`: for API keys, the user who makes it. */
export const NewConversationBody = ConversationBody.extend({
  direct: Identifier.optional(),
  id: MessageId.optional(),
  from: Identifier.optional(),
}).refine(
  ({ direct, members, access }) => direct === undefined || (members === undefined && access === undefined),
  {
    path: ["direct"],
    message: "cannot be combined with `members` or `access`",
  },
);

/** `PATCH /conversations/{conversation_id}`: null drops a field. */
export const ConversationPatch = z.strictObject({
  access: Access.optional(),
  title: Title.nullable().optional(),
  data: Data.nullable().optional(),
});

/** `PUT /conversations/{conversation_id}/members/{user}`. */
export const MemberBody = z.strictObject({ role: Role.optional() });

/** `PUT /conversations/{conversation_id}/mutes/{user}`, and the same for bans. Without `seconds` there is no end. */
export const SanctionBody = z.strictObject({
  seconds: z
    .number("must be a number")
    .positive("must be greater than 0")
    .max(MAX_SANCTION_SECONDS, "must be a hundred years or less")
    .optional(),
  reason: Reason.optional(),
});

/** Reads the query of a list: `limit` and `cursor`. */
export const ListQuery = z.object({
  limit: z.coerce
    .number("must be a number")
    .int("must be a whole number")
    .min(1, "must be 1 or more")
    .max(MAX_LIST_LIMIT, `must be ${MAX_LIST_LIMIT} or less`)
    .default(DEFAULT_LIST_LIMIT),
  cursor: z.string().optional(),
});
