import { readdirSync, readFileSync } from "node:fs";
import { SQL } from "bun";
import { processorSeconds } from "./processor-seconds.ts";

/** A database on this machine, of which the bench reads what it costs. */
export interface PostgresDatabase extends AsyncDisposable {
  readonly address: string;
  /** What its tables and their indexes hold on disk. */
  bytes(): Promise<number>;
  /** Removes all tables. */
  empty(): Promise<void>;
  /** Processor time of all processes of its server, in seconds. */
  processorSeconds(): number;
}

/** Throws where the server is not on this machine, and where the database has tables, since all of them are removed later. */
export async function openPostgres(address: string): Promise<PostgresDatabase> {
  const sql = new SQL(address, { max: 1 });
  const [{ pid }] = await sql`SELECT pg_backend_pid() AS pid`;
  const main = parentOf(pid);
  if (!readFileSync(`/proc/${main}/comm`, "utf8").startsWith("postgres"))
    throw new Error("the server of the database is not on this machine");
  const [{ tables }] = await sql`SELECT count(*)::int AS tables FROM pg_tables WHERE schemaname = 'public'`;
  if (tables > 0) throw new Error("the database has tables: give an empty one");
  return {
    address,
    async bytes() {
      const [{ bytes }] = await sql`SELECT pg_database_size(current_database())::float8 AS bytes`;
      return bytes;
    },
    async empty() {
      await sql`DROP SCHEMA public CASCADE`;
      await sql`CREATE SCHEMA public`;
    },
    processorSeconds() {
      const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
      const children = pids.filter((one) => parentOf(one) === main);
      return children.reduce((sum, one) => sum + processorSeconds(one), processorSeconds(main, true));
    },
    [Symbol.asyncDispose]: () => sql.close(),
  };
}

/** The process that started it; 0 where it has ended. */
function parentOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")[1]);
  } catch {
    return 0;
  }
}
