// The keys of what a migration carries beside messages, as the ports of this engine write them.
import type { StoreRecord, UserRecord } from "../../../core/migration/records.ts";
import { LIST_MEMORY_MS } from "../../../core/ports/conversation/members.ts";
import { NEVER } from "../../../core/ports/revocations.ts";
import { encodeAccount } from "../accounts/accounts.ts";
import { encodeFamily } from "../accounts/refresh-families.ts";
import type { Keys } from "../connection/keys.ts";
import { encodeProgress, encodeWebhook } from "../feed/webhooks.ts";
import { encodeErasure } from "../person/erasures.ts";

/** A key, or more values of one. */
export interface KeyContent {
  readonly key: string;
  /** As lua/migration/put.lua has them. */
  readonly kind: "h" | "z" | "l" | "s";
  readonly values: readonly string[];
  /** In milliseconds since 1970. */
  readonly expiresAt?: number;
  /** More values of a key that was begun before. */
  readonly more?: true;
}

/** An entry of a list of conversations has a token, which names when it was written (members/user-lists.ts). */
const MOVED = "moved";

/** Returns the keys of a user's list of conversations. */
export function userContents(keys: Keys, { user, conversations, former }: UserRecord): KeyContent[] {
  const newest = Math.max(0, ...former.map(({ at }) => at));
  const all: KeyContent[] = [
    {
      key: keys.userKey(user, "conversations"),
      kind: "h",
      values: conversations.flatMap(({ conversation, since }) => [conversation, `${since} ${MOVED}`]),
    },
    {
      key: keys.userKey(user, "former"),
      kind: "h",
      values: former.flatMap(({ conversation, at }) => [conversation, String(at)]),
      expiresAt: newest + LIST_MEMORY_MS,
    },
  ];
  return all.filter(({ values }) => values.length > 0);
}

/** Returns the keys of what belongs to no conversation. Records that share a key have `more`: it is to be empty before. */
export function storeContents(keys: Keys, record: StoreRecord): KeyContent[] {
  switch (record.type) {
    case "account": {
      const { account } = record;
      return [shared(keys.globalKey("accounts"), account.user, encodeAccount(account))];
    }
    case "had_accounts":
      return [{ key: keys.globalKey("seeded"), kind: "s", values: ["yes"] }];
    case "sign_in": {
      const { user, families } = record;
      const contents = families.map((family): KeyContent => {
        const values = [encodeFamily(family)];
        return { key: keys.familyKey(family.id), kind: "s", values, expiresAt: family.expiresAt };
      });
      contents.push({
        key: keys.userKey(user, "families"),
        kind: "z",
        values: families.flatMap(({ id, signedInAt }) => [String(signedInAt), id]),
        expiresAt: Math.max(...families.map(({ expiresAt }) => expiresAt)),
      });
      return contents;
    }
    case "revoked_token": {
      const { id, expiresAt } = record;
      const content: KeyContent = { key: keys.tokenKey(id), kind: "s", values: ["1"] };
      return [expiresAt >= NEVER ? content : { ...content, expiresAt }];
    }
    case "revoked_user":
      return [{ key: keys.userKey(record.user, "revoked"), kind: "s", values: [String(record.before)] }];
    case "revoked_person":
      return [{ key: keys.personKey(record.digest), kind: "s", values: [String(record.before)] }];
    case "quota": {
      const values = record.times.map(String);
      const expiresAt = record.times.at(-1)! + QUOTA_EXPIRY_MS;
      return [{ key: keys.userKey(record.user, "quota"), kind: "l", values, expiresAt }];
    }
    case "api_key":
      return [shared(keys.globalKey("api-keys"), record.key.name, JSON.stringify(record.key))];
    case "webhook": {
      const { progress, ...webhook } = record.webhook;
      return [
        shared(keys.globalKey("webhook-progress"), webhook.id, encodeProgress(progress)),
        shared(keys.globalKey("webhooks"), webhook.id, encodeWebhook(webhook)),
      ];
    }
    case "erasure":
      return [shared(keys.globalKey("persons"), record.erasure.id, encodeErasure(record.erasure))];
    case "secret":
      return [{ key: keys.globalKey("name-secret"), kind: "s", values: [record.secret] }];
    case "signing_keys":
      return [{ key: keys.globalKey("signing-keys"), kind: "s", values: [record.digests] }];
  }
}

/** The keys that records share: they are removed before the first one is written. */
export function sharedKeys(keys: Keys): string[] {
  const names = ["accounts", "api-keys", "webhooks", "webhook-progress", "persons"] as const;
  return names.map((name) => keys.globalKey(name));
}

/** How long charges are kept: lua/messages/quota-log.lua. */
const QUOTA_EXPIRY_MS = 3_600_000 + 120_000;

function shared(key: string, field: string, value: string): KeyContent {
  return { key, kind: "h", values: [field, value], more: true };
}
