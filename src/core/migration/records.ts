// What a migration carries, as its source reads it and its target writes it. Times are in milliseconds since 1970.

import type { RefreshFamily } from "../access/refresh-rotation.ts";
import type { Entry } from "../conversation/entry.ts";
import type { Role, Sanction } from "../members/records.ts";
import type { Erasure } from "../person/erasure.ts";
import type { StoredApiKey } from "../ports/access/api-keys.ts";
import type { Account } from "../ports/accounts.ts";
import type { StoredWebhook } from "../webhooks/webhook.ts";

/** Some messages in the order in which they were stored. */
export interface MessageBatch {
  /** Where the source goes on. */
  readonly after: number;
  readonly messages: readonly CarriedMessage[];
}

/** A message as it was stored: changes are carried beside it. */
export interface CarriedMessage extends Entry {
  readonly conversation: string;
}

export interface MemberRecord {
  readonly user: string;
  /** Undefined: the user is not a member, and was one or is muted or banned. */
  readonly role: Role | undefined;
  readonly since: number;
  readonly unopened: boolean;
  readonly left: boolean;
  readonly muted: Sanction | undefined;
  readonly banned: Sanction | undefined;
  /** When the role was last given or taken. */
  readonly changedAt: number;
}

export interface MarkRecord {
  readonly user: string;
  /** 0 for none. */
  readonly seq: number;
  readonly at: number;
  /** Up to here all counts as read, because the user sent that message or became a member then; 0 for none. */
  readonly sent: number;
}

/** What changes have made of a message. */
export interface ChangeRecord {
  readonly seq: number;
  readonly rev: number;
  readonly at: number;
  /** As `encodeState` of core/changes/message-state.ts encodes it. */
  readonly state: string;
  /** The content of an edited message; '' if it is that of the log. */
  readonly body: string;
}

export interface ReactionRecord {
  readonly seq: number;
  readonly rev: number;
  readonly user: string;
  readonly name: string;
}

/** A conversation, or what is known of one that was removed. */
export interface ConversationRecord {
  readonly id: string;
  /** The newest `seq`; 0 if it never had a message. */
  readonly seq: number;
  /** When the newest message was stored, and who sent it; 0 and '' if none is kept. */
  readonly at: number;
  readonly by: string;
  readonly removals: number;
  readonly removedSeq: number;
  readonly removedAt: number;
  /** Its own limits; null: those of the server. */
  readonly keepMessages: number | null;
  readonly keepDays: number | null;
  /** As JSON. */
  readonly facts: string | undefined;
  readonly revision: number;
  readonly rev: number;
  /** When something else than messages changed for all users; 0 for never. */
  readonly changedAt: number;
  readonly members: readonly MemberRecord[];
  readonly marks: readonly MarkRecord[];
  readonly changes: readonly ChangeRecord[];
  /** In the order of their changes. */
  readonly reactions: readonly ReactionRecord[];
}

/** The list of conversations of a user. */
export interface UserRecord {
  readonly user: string;
  readonly conversations: readonly { readonly conversation: string; readonly since: number }[];
  /** Those that have left the list, and when. */
  readonly former: readonly { readonly conversation: string; readonly at: number }[];
}

/** What belongs to no conversation. */
export type StoreRecord =
  | { readonly type: "account"; readonly account: Account }
  | { readonly type: "sign_in"; readonly families: readonly RefreshFamily[]; readonly user: string }
  | { readonly type: "revoked_token"; readonly id: string; readonly expiresAt: number }
  | { readonly type: "revoked_user"; readonly user: string; readonly before: number }
  | { readonly type: "revoked_person"; readonly digest: string; readonly before: number }
  | { readonly type: "quota"; readonly user: string; readonly times: readonly number[] }
  | { readonly type: "api_key"; readonly key: StoredApiKey }
  | { readonly type: "webhook"; readonly webhook: StoredWebhook }
  | { readonly type: "erasure"; readonly erasure: Erasure }
  | { readonly type: "secret"; readonly secret: string }
  | { readonly type: "signing_keys"; readonly digests: string }
  /** The store has had an account, so the first accounts are not added again. */
  | { readonly type: "had_accounts" };

/** How much a source has. */
export interface MigrationSize {
  readonly conversations: number;
  /** Messages that are carried, and their bytes. */
  readonly messages: number;
  readonly bytes: number;
  /** Messages that the target would not keep, and that are left out. */
  readonly leftOut: number;
  readonly members: number;
  readonly marks: number;
  readonly changes: number;
  readonly reactions: number;
  readonly accounts: number;
  readonly signIns: number;
  readonly charges: number;
  readonly webhooks: number;
  readonly apiKeys: number;
  /** Open streams, which end as interrupted messages before the migration begins. */
  readonly streams: number;
}
