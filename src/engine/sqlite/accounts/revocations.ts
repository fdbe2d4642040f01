import type { Database } from "bun:sqlite";
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

/** A row has either a token or a user with `before`. */
interface Row {
  readonly position: number;
  readonly token: string | null;
  readonly user: string | null;
  readonly before: number | null;
}

/** How often revocations by other processes are looked for, in milliseconds; the port promises a second. */
const POLL_INTERVAL_MS = 500;

/** How often tokens that have expired anyway are forgotten, in milliseconds. */
const FORGET_INTERVAL_MS = 600_000;

/** The port for revocations on SQLite. The command line revokes in the same file while a server runs. */
export class SqliteRevocations implements RevocationStore {
  private readonly listeners = new Listeners<Revocation>({
    onFirstAdded: () => this.startPolling(),
    onLastRemoved: () => this.stopPolling(),
    // What is not told now never is: the other listeners, and the other revocations, must not wait for this one.
    onError: (error) => this.emit("revocations.listener_failed", { error: String(error) }),
  });
  /** Position of the newest revocation that the listeners know. */
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
    // Written anew and not updated: its new position is what the other processes look for.
    this.db
      .query(
        `insert or replace into revocation (user, before)
         select ?1, max(?2, coalesce((select before from revocation where user = ?1), 0))`,
      )
      .run(user, before);
    this.poll();
  }

  async isRevoked({ id, subject, issuedAt }: RevocableToken): Promise<boolean> {
    const row = this.db
      .query("select 1 from revocation where token = ? or (user = ? and before > ?) limit 1")
      .get(id, subject, issuedAt);
    return row !== null;
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

  /** On a timer, where nobody would catch what a store that is away throws; the next time tries again. */
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
