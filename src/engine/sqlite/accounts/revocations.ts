import type { Database } from "bun:sqlite";
import type { ListPage } from "../../../core/collections/list-page.ts";
import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import {
  REVOCATION_LEEWAY_MS,
  type RevocableToken,
  type Revocation,
  type RevocationListener,
  type RevocationStore,
} from "../../../core/ports/revocations.ts";
import { Listeners } from "../../listeners.ts";
import { isBusy } from "../folder/errors.ts";
import { isRevokedPerson } from "../person/name-digest.ts";

/** A revocation: either of a token, or of all tokens of a user that were issued before `before`. */
interface Row {
  readonly position: number;
  readonly token: string | null;
  readonly user: string | null;
  readonly before: number | null;
}

/** The interval at which revocations by other processes are looked for, in milliseconds. The port promises a second. */
const POLL_INTERVAL_MS = 500;

/** The interval at which revocations of expired tokens are deleted, in milliseconds. */
const FORGET_INTERVAL_MS = 600_000;

/** The port for revocations on SQLite. The command line may change the same file while a server runs. */
export class SqliteRevocations implements RevocationStore {
  private readonly listeners = new Listeners<Revocation>({
    onFirstAdded: () => this.startPolling(),
    onLastRemoved: () => this.stopPolling(),
    // A listener that fails is not called again for this revocation: the other listeners and revocations must not wait for it.
    onError: (error) => this.emit("revocations.listener_failed", { error: String(error) }),
  });
  /** The position of the newest revocation that the listeners were notified of. */
  private lastNotified = 0;
  private stops: (() => void)[] = [];

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly emit: Emit,
  ) {}

  async revokeToken(id: string, expiresAt: number): Promise<void> {
    this.db
      .query("insert or replace into revocation (token, expires_at) values (?, ?)")
      .run(id, Math.min(expiresAt + REVOCATION_LEEWAY_MS, Number.MAX_SAFE_INTEGER));
    this.poll();
  }

  async revokeUser(user: string, before: number): Promise<void> {
    // Inserted again instead of updated, because other processes find new revocations by their positions.
    this.db
      .query(
        `insert or replace into revocation (user, before)
         select ?1, max(?2, coalesce((select before from revocation where user = ?1), 0))`,
      )
      .run(user, before);
    this.poll();
  }

  async isRevoked({ id, subject, issuedAt }: RevocableToken): Promise<boolean> {
    // It runs at each handshake, so one statement also asks whether any person was erased. Only then is the name hashed and looked up.
    const row = this.db
      .query(
        `select exists(select 1 from revocation where token = ?1 or (user = ?2 and before > ?3)) as revoked,
                exists(select 1 from revoked_person) as erased`,
      )
      .get(id, subject, issuedAt) as { revoked: number; erased: number };
    if (row.revoked !== 0) return true;
    return row.erased !== 0 && isRevokedPerson(this.db, subject, issuedAt);
  }

  async list(limit: number, cursor = "0"): Promise<ListPage<Revocation> | undefined> {
    if (!/^\d{1,15}$/.test(cursor)) return undefined;
    const rows = this.db
      .query(
        "select position, token, user, before from revocation where position > ? order by position limit ?",
      )
      .all(Number(cursor), limit + 1) as Row[];
    const page = rows.slice(0, limit);
    const next = rows.length > limit ? String(page.at(-1)!.position) : undefined;
    return { items: page.map(decodeRow), next };
  }

  watch(listener: RevocationListener): () => void {
    return this.listeners.add(listener);
  }

  private startPolling(): void {
    this.lastNotified = this.newest();
    this.stops = [
      this.clock.every(POLL_INTERVAL_MS, () => this.attempt("store.read_failed", () => this.poll())),
      this.clock.every(FORGET_INTERVAL_MS, () =>
        this.attempt("store.write_failed", () => this.forgetExpired()),
      ),
    ];
  }

  private stopPolling(): void {
    for (const stop of this.stops.splice(0)) stop();
  }

  /** Runs on a timer, so it catches the errors of a store that cannot be read; the next run tries again. */
  private attempt(event: "store.read_failed" | "store.write_failed", task: () => void): void {
    try {
      task();
    } catch (error) {
      if (!isBusy(error)) this.emit(event, { error: String(error) });
    }
  }

  private forgetExpired(): void {
    this.db.query("delete from revocation where expires_at <= ?").run(this.clock.wall());
  }

  private newest(): number {
    const { newest } = this.db.query("select max(position) as newest from revocation").get() as {
      newest: number | null;
    };
    return newest ?? this.lastNotified;
  }

  private poll(): void {
    if (this.listeners.isEmpty) return;
    const rows = this.db
      .query("select position, token, user, before from revocation where position > ? order by position")
      .all(this.lastNotified) as Row[];
    for (const row of rows) {
      this.lastNotified = row.position;
      this.listeners.notify(decodeRow(row));
    }
  }
}

function decodeRow({ token, user, before }: Row): Revocation {
  return token !== null ? { tokenId: token } : { user: user!, before: before! };
}
