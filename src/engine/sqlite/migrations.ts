import type { Database } from "bun:sqlite";
import { encodeBodies } from "./messages/encode-bodies.ts";

/** The steps from each version of the store's tables to the next. A step MUST NOT be changed once it was published. */
const STEPS: readonly ((db: Database) => void)[] = [
  // 1
  (db) => {
    db.run(`
      create table if not exists meta (key text primary key, value text not null) without rowid;
      create table if not exists account (
        user text primary key,
        plan text not null,
        disabled integer not null,
        password_hash text not null,
        demo integer not null,
        created_at integer not null
      ) without rowid;
      create table if not exists conversation (number integer primary key, id text not null unique);
      create table if not exists message (
        position integer primary key,
        conversation integer not null,
        seq integer not null,
        key integer not null,
        id text not null,
        sender text not null,
        text text not null,
        data text,
        at integer not null
      );
      create table if not exists charge (
        position integer primary key,
        user text not null,
        at integer not null,
        count integer not null
      );
    `);
    // The store's secret seeds the hash of message ids. Its epoch is replaced when stored messages may be gone (D5).
    setIfMissing(db, "epoch", newEpoch());
    setIfMissing(db, "seed", String(crypto.getRandomValues(new Uint32Array(1))[0]));
  },
  // 2: read marks and retention. `first_seq`: the oldest `seq` that may be read, the floor.
  // `keep_*`: how long this conversation keeps its messages; null: as the server's settings say; 0: for ever.
  // `changed` grows with each change that a command makes, so that a running server finds the changed conversations.
  (db) => {
    db.run(`
      create table if not exists mark (
        conversation integer, user text, seq integer not null, primary key (conversation, user)
      ) without rowid;
    `);
    addColumn(db, "conversation", "first_seq integer not null default 1");
    addColumn(db, "conversation", "keep_messages integer");
    addColumn(db, "conversation", "keep_days integer");
    addColumn(db, "conversation", "changed integer not null default 0");
    db.run("create index if not exists conversation_changed on conversation (changed) where changed > 0");
  },
  // 3: revocations, of one token or of all tokens of a user before a time; refresh tokens, a row for each sign-in.
  (db) => {
    db.run(`
      create table if not exists revocation (
        position integer primary key autoincrement,
        token text unique,
        user text unique,
        before integer,
        expires_at integer
      );
      create index if not exists revocation_end on revocation (expires_at);
      create table if not exists refresh_family (
        id text primary key,
        user text not null,
        account integer not null,
        signed_in_at integer not null,
        expires_at integer not null,
        tokens text not null
      ) without rowid;
      create index if not exists refresh_family_user on refresh_family (user, signed_in_at);
      create index if not exists refresh_family_end on refresh_family (expires_at);
    `);
  },
  // 4: removed conversations. `removals`: how often the name was removed; `removed_seq`: the newest `seq` at the last removal.
  // The row stays, some 60 bytes for each name, so that clients that resume learn of the removal.
  (db) => {
    addColumn(db, "conversation", "removals integer not null default 0");
    addColumn(db, "conversation", "removed_seq integer not null default 0");
  },
  // 5: entries. `kind` and `body` as in src/core/conversation/entry.ts, instead of `text` and `data`.
  (db) => encodeBodies(db),
  // 6: facts and members of conversations (src/core/members/records.ts); times in milliseconds since 1970.
  // `facts`: as JSON; null: none. `guard`: as in members/member-table.ts. `members`, `owners`: their numbers.
  // A row of `member` belongs to the conversation that had been removed `life` times when it was written; a later removal makes
  // the row void. A row without a role stays for a while, so that the list of its user can say that the conversation left it.
  // `member_news`: what commands have changed, for a running server, which deletes the rows.
  (db) => {
    addColumn(db, "conversation", "facts text");
    addColumn(db, "conversation", "guard integer not null default 0");
    addColumn(db, "conversation", "members integer not null default 0");
    addColumn(db, "conversation", "owners integer not null default 0");
    addColumn(db, "conversation", "revision integer not null default 0");
    addColumn(db, "conversation", "removed_at integer not null default 0");
    db.run(`
      create table if not exists member (
        conversation integer,
        user text,
        life integer not null,
        role text,
        since integer,
        unopened integer,
        "left" integer,
        muted text,
        banned text,
        changed_at integer not null,
        primary key (conversation, user)
      ) without rowid;
      create index if not exists member_list on member (user, conversation, life, role, unopened);
      create index if not exists member_muted on member (conversation, user) where muted is not null;
      create index if not exists member_banned on member (conversation, user) where banned is not null;
      create table if not exists member_news (
        position integer primary key autoincrement,
        conversation text not null,
        news text not null
      );
    `);
    setIfMissing(db, "name_secret", Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex"));
  },
  // 7: what the inbox shows of conversations and their users (inbox/recent-heads.ts). `head`: the newest message; `changed`: when
  // something else changed for all users, in milliseconds since 1970. `mark`: `at` is when the mark moved; up to `sent` all counts
  // as read, because the user sent that message, or became a member then. `heads_to`: these have the log up to this position.
  (db) => {
    db.run(`
      create table if not exists head (
        conversation integer primary key,
        seq integer not null,
        at integer not null,
        changed integer not null default 0
      );
    `);
    addColumn(db, "mark", "at integer not null default 0");
    addColumn(db, "mark", "sent integer not null default 0");
    db.run(`
      insert or replace into head (conversation, seq, at)
        select conversation, max(seq), max(at) from message where sender <> '' group by conversation;
      insert into mark (conversation, user, seq, sent)
        select conversation, sender, 0, max(seq) from message where sender <> '' group by conversation, sender
        on conflict do update set sent = excluded.sent;
      insert or replace into meta select 'heads_to', max(position) from message having max(position) is not null;
    `);
  },
  // 8: open streams (streams/stream-table.ts). A row of `stream_batch` holds several appends; a blank one is of an ended stream.
  (db) => {
    db.run(`
      create table if not exists stream (
        number integer primary key autoincrement,
        conversation text not null,
        epoch text not null,
        stream text not null,
        user text not null,
        id text not null,
        data text,
        replyTo integer,
        generation integer not null,
        startedAt integer not null
      );
      create table if not exists stream_batch (
        position integer primary key autoincrement,
        stream integer not null,
        n integer not null,
        text text not null
      );
    `);
  },
  // 9: `data` of streams is in their batches, so that rows of streams hold no text that would have to be erased; `cancelled_by` has
  // asked a stream to stop, which the server does at `cancel_until`. `stop_request`: stops the answers to a message that start
  // before `until`. Times in milliseconds since 1970.
  (db) => {
    db.run("pragma secure_delete = on");
    db.run(`
      alter table stream rename column replyTo to reply_to;
      alter table stream rename column startedAt to started_at;
    `);
    addColumn(db, "stream", "cancelled_by text");
    addColumn(db, "stream", "cancel_until integer");
    addColumn(db, "stream_batch", "data text");
    db.run(`
      insert into stream_batch (stream, n, text, data)
        select number, coalesce((select max(n) from stream_batch where stream = number), 0), '""', data
          from stream where data is not null;
      alter table stream drop column data;
      create table if not exists stop_request (
        conversation text,
        epoch text,
        reply_to integer,
        asked_by text not null,
        until integer not null,
        primary key (conversation, epoch, reply_to)
      ) without rowid;
    `);
    db.run("pragma secure_delete = fast");
  },
  // 10: changes of messages (changes/appended-table.ts says how these tables are written). `rev`: the newest change of a conversation.
  // A row of `change` is of a changed message, whose row in the log is at the position `message`; `state` is the sum of its changes.
  // A row of `edit` is the content of an edited message; the log then has it without text and data. `*_key`: hashes of texts.
  // `erased_reactions`: messages whose reactions are to be blanked.
  (db) => {
    addColumn(db, "conversation", "rev integer not null default 0");
    db.run(`
      create table if not exists change (
        position integer primary key,
        conversation integer not null,
        seq integer not null,
        message integer not null,
        rev integer not null,
        at integer not null,
        state text not null
      );
      create index if not exists change_seq on change (conversation, seq) where state <> '';
      create index if not exists change_rev on change (conversation, rev, seq) where state <> '';
      create table if not exists edit (
        position integer primary key,
        conversation integer not null,
        seq integer not null,
        body text not null
      );
      create index if not exists edit_seq on edit (conversation, seq) where body <> '';
      create table if not exists reaction (
        position integer primary key,
        conversation integer not null,
        seq integer not null,
        rev integer not null,
        user_key integer not null,
        name_key integer not null,
        user text not null,
        name text not null
      );
      create index if not exists reaction_user on reaction (conversation, seq, user_key) where user <> '';
      create index if not exists reaction_name on reaction (conversation, seq, name_key, rev) where user <> '';
      create table if not exists erased_reactions (
        conversation integer, seq integer, primary key (conversation, seq)
      ) without rowid;
      create table if not exists change_id (
        conversation integer,
        hash blob,
        number integer not null,
        seq integer not null,
        rev integer not null,
        at integer not null,
        primary key (conversation, hash)
      ) without rowid;
      create index if not exists change_id_number on change_id (conversation, number);
    `);
  },
  // 11: `exempt`, 1: no mute or membership binds the writer of a stream. It is not known of those that are open.
  (db) => addColumn(db, "stream", "exempt integer not null default 0"),
  // 12: API keys that are made while servers run. `rights`, `conversations`: as JSON; `made_by`: the key that made it.
  (db) => {
    db.run(`
      create table if not exists api_key (
        position integer primary key autoincrement,
        name text not null unique,
        hash text not null,
        rights text not null,
        conversations text,
        created_at integer not null,
        made_by text
      );
    `);
  },
  // 13: the feed (feed/place.ts, feed/event-table.ts). `after`: the last position of the log when the event was written; `size`: the
  // bytes of all rows up to this one. `feed_epoch`: where the log and the events ended when an epoch of the store began, and when.
  // `wanted_event`: until when a type of event counts as read. `present_user`: who is present, while somebody reads that (EV3). Times
  // in milliseconds since 1970.
  (db) => {
    db.run(`
      create table if not exists event (
        number integer primary key,
        after integer not null,
        type text not null,
        at integer not null,
        conversation text,
        epoch text,
        user text,
        seq integer,
        rev integer,
        details text,
        size integer not null
      );
      create table if not exists feed_epoch (
        number integer primary key,
        epoch text not null,
        log integer not null,
        event integer not null,
        at integer not null
      );
      create index if not exists event_quota on event (user, at) where type = 'quota.exhausted';
      create table if not exists present_user (
        conversation text, user text, primary key (conversation, user)
      ) without rowid;
      create table if not exists wanted_event (type text primary key, until integer not null) without rowid;
      insert into feed_epoch (epoch, log, event, at) select value, 0, 0, 0 from meta where key = 'epoch';
    `);
  },
  // 14: webhooks. `settings`, `progress`: as JSON (core/webhooks/webhook.ts), `revision` and `course` of them as columns, too;
  // `generation`: the run of the sender that wrote the progress.
  (db) => {
    db.run(`
      create table if not exists webhook (
        position integer primary key autoincrement,
        id text not null unique,
        revision integer not null,
        settings text not null,
        course integer not null,
        progress text not null,
        generation integer not null default 0
      );
    `);
  },
  // 15: erasures of persons (person/erasure-table.ts): how far each has come, without the name; and the names of those that are under way.
  // A row of `revoked_person` is a revocation of an erased person, by a hash of the name (person/name-digest.ts).
  (db) =>
    db.run(`
      create table if not exists erasure (id text primary key, started_at integer not null, record text not null) without rowid;
      create table if not exists erasing_person (id text primary key, user text not null unique) without rowid;
      create table if not exists revoked_person (digest text primary key, before integer not null) without rowid;
    `),
];

/** The version of the tables that this Parley writes. It refuses a store of a newer version. */
export const SCHEMA_VERSION = STEPS.length;

/** Returns the version of the store's tables; 0 for a new file. */
export function readVersion(db: Database): number {
  return (db.query("pragma user_version").get() as { user_version: number }).user_version;
}

/** Migrates the tables of a store to this version in one transaction. All data is kept. */
export function migrate(db: Database): void {
  if (readVersion(db) >= SCHEMA_VERSION) return;
  db.transaction(() => {
    // Read again: another process may have migrated the store while this one waited for the lock.
    for (const step of STEPS.slice(readVersion(db))) step(db);
    db.run(`pragma user_version = ${SCHEMA_VERSION}`);
  }).immediate();
}

/** Returns a new epoch for the store. */
export function newEpoch(): string {
  return crypto.randomUUID().slice(0, 8);
}

function setIfMissing(db: Database, key: string, value: string): void {
  db.query("insert or ignore into meta values (?, ?)").run(key, value);
}

function addColumn(db: Database, table: string, column: string): void {
  const [name] = column.split(" ");
  const columns = db.query(`pragma table_info(${table})`).all() as { name: string }[];
  if (!columns.some((existing) => existing.name === name))
    db.run(`alter table ${table} add column ${column}`);
}
