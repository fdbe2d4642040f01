import type { Database } from "bun:sqlite";
import type { RefreshFamily } from "../../../core/access/refresh-rotation.ts";
import { QUOTA_WINDOW_MS } from "../../../core/conversation/quota.ts";
import type { StoreRecord } from "../../../core/migration/records.ts";
import type { StoredWebhook } from "../../../core/webhooks/webhook.ts";
import { type AccountRow, decodeAccount } from "../accounts/accounts.ts";
import { readApiKeys } from "../accounts/api-keys.ts";
import { decodeFamily, type FamilyRow } from "../accounts/refresh-families.ts";
import { readWebhooks } from "../feed/webhooks.ts";
import { readErasures } from "../person/erasure-table.ts";
import { readMeta } from "../schema.ts";

/** Reads what belongs to no conversation, and is not over at `now`. */
export function* readStoreRecords(db: Database, now: number): Generator<StoreRecord> {
  const secret = readMeta(db, "name_secret");
  if (secret !== undefined) yield { type: "secret", secret };
  const digests = readMeta(db, "signing_keys");
  if (digests !== undefined) yield { type: "signing_keys", digests };
  if (readMeta(db, "had_accounts") !== undefined) yield { type: "had_accounts" };
  const accounts = db.query("select * from account order by user").iterate();
  for (const row of accounts as IterableIterator<AccountRow>)
    yield { type: "account", account: decodeAccount(row) };
  yield* signIns(db, now);
  yield* revocations(db, now);
  yield* quotas(db, now);
  for (const key of readApiKeys(db)) yield { type: "api_key", key };
  for (const webhook of readWebhooks(db)) yield { type: "webhook", webhook: withoutRetries(webhook) };
  // Where a step goes on is a place in the tables of this store; steps can be repeated.
  for (const erasure of readErasures(db))
    yield { type: "erasure", erasure: { ...erasure, after: undefined } };
}

function* signIns(db: Database, now: number): Generator<StoreRecord> {
  const rows = db
    .query("select * from refresh_family where expires_at > ? order by user, signed_in_at")
    .iterate(now) as IterableIterator<FamilyRow>;
  let families: RefreshFamily[] = [];
  for (const row of rows) {
    const family = decodeFamily(row);
    if (families.length > 0 && families[0]!.user !== family.user) {
      yield { type: "sign_in", user: families[0]!.user, families };
      families = [];
    }
    families.push(family);
  }
  if (families.length > 0) yield { type: "sign_in", user: families[0]!.user, families };
}

function* revocations(db: Database, now: number): Generator<StoreRecord> {
  const rows = db
    .query(
      "select token, user, before, expires_at from revocation where expires_at is null or expires_at > ?",
    )
    .iterate(now) as IterableIterator<{
    token: string | null;
    user: string | null;
    before: number | null;
    expires_at: number | null;
  }>;
  for (const { token, user, before, expires_at } of rows)
    if (token !== null)
      yield { type: "revoked_token", id: token, expiresAt: expires_at ?? Number.MAX_SAFE_INTEGER };
    else yield { type: "revoked_user", user: user!, before: before! };
  const persons = db.query("select digest, before from revoked_person").iterate();
  for (const { digest, before } of persons as IterableIterator<{ digest: string; before: number }>)
    yield { type: "revoked_person", digest, before };
}

function* quotas(db: Database, now: number): Generator<StoreRecord> {
  const rows = db
    .query("select user, at, count from charge where at > ? and user <> '' order by user, position")
    .iterate(now - QUOTA_WINDOW_MS) as IterableIterator<{ user: string; at: number; count: number }>;
  let user = "";
  let times: number[] = [];
  for (const row of rows) {
    if (row.user !== user) {
      if (times.length > 0) yield { type: "quota", user, times };
      user = row.user;
      times = [];
    }
    for (let i = 0; i < row.count; i++) times.push(row.at);
  }
  if (times.length > 0) yield { type: "quota", user, times };
}

/** The events that were to be tried again are not carried: the receiver gets `events.lost` for their time. */
function withoutRetries({ progress, ...webhook }: StoredWebhook): StoredWebhook {
  return { ...webhook, progress: { ...progress, retries: [] } };
}
