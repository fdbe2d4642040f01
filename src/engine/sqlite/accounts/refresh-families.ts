import type { Database } from "bun:sqlite";
import { MAX_FAMILIES_PER_USER, type RefreshFamily } from "../../../core/access/refresh-rotation.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { RefreshTokenStore } from "../../../core/ports/refresh-tokens.ts";

/** A row of the table `refresh_family`. */
export interface FamilyRow {
  readonly id: string;
  readonly user: string;
  readonly account: number;
  readonly signed_in_at: number;
  readonly expires_at: number;
  /** As JSON, because they are only read and written together with the family. */
  readonly tokens: string;
}

/** The port for refresh tokens on SQLite. */
export class SqliteRefreshFamilies implements RefreshTokenStore {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  async add({ id, user, account, signedInAt, expiresAt, tokens }: RefreshFamily): Promise<void> {
    this.db
      .transaction(() => {
        this.db.query("delete from refresh_family where expires_at <= ?").run(this.clock.wall());
        this.db
          .query("insert into refresh_family values (?, ?, ?, ?, ?, ?)")
          .run(id, user, account, signedInAt, expiresAt, JSON.stringify(tokens));
        this.db
          .query(
            `delete from refresh_family where id in (
               select id from refresh_family where user = ? order by signed_in_at desc, id limit -1 offset ?)`,
          )
          .run(user, MAX_FAMILIES_PER_USER);
      })
      .immediate();
  }

  async find(id: string): Promise<RefreshFamily | undefined> {
    const row = this.db.query("select * from refresh_family where id = ?").get(id) as FamilyRow | null;
    return row === null ? undefined : decodeFamily(row);
  }

  async replace(before: RefreshFamily, after: RefreshFamily | undefined): Promise<boolean> {
    const { id, expiresAt, tokens } = before;
    const seen = [id, expiresAt, JSON.stringify(tokens)];
    const { changes } =
      after === undefined
        ? this.db
            .query("delete from refresh_family where id = ? and expires_at = ? and tokens = ?")
            .run(...seen)
        : this.db
            .query(
              "update refresh_family set expires_at = ?, tokens = ? where id = ? and expires_at = ? and tokens = ?",
            )
            .run(after.expiresAt, JSON.stringify(after.tokens), ...seen);
    return changes > 0;
  }

  async remove(id: string, user: string): Promise<void> {
    this.db.query("delete from refresh_family where id = ? and user = ?").run(id, user);
  }
}

/** Reads a row of the table `refresh_family`. */
export function decodeFamily(row: FamilyRow): RefreshFamily {
  return {
    id: row.id,
    user: row.user,
    account: row.account,
    signedInAt: row.signed_in_at,
    expiresAt: row.expires_at,
    tokens: JSON.parse(row.tokens),
  };
}
