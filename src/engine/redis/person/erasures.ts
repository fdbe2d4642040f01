import type { Erasure } from "../../../core/person/erasure.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";

const BEGIN = new Script("person/begin");

/** How long the report of an erasure that has ended is kept, in milliseconds. */
const REPORT_MS = 24 * 3_600_000;

/** The erasures that are under way, and the reports of those that have ended: one hash, by the id. */
export class Erasures {
  private readonly key: string;

  constructor(private readonly client: RedisClient) {
    this.key = client.keys.globalKey("persons");
  }

  async begin(erasure: Erasure): Promise<Erasure> {
    const { id, user, startedAt } = erasure;
    const values = [id, user!, encodeErasure(erasure), startedAt - REPORT_MS];
    return decode(String(await this.client.run(BEGIN, [this.key], values)));
  }

  async save(erasure: Erasure): Promise<void> {
    await this.client.commands.hset(this.key, erasure.id, encodeErasure(erasure));
  }

  async find(id: string): Promise<Erasure | undefined> {
    const text = await this.client.commands.hget(this.key, id);
    return text === null ? undefined : decode(text);
  }

  async pending(): Promise<readonly Erasure[]> {
    const all = (await this.client.commands.hvals(this.key)).map(decode);
    return all.filter(({ user }) => user !== undefined).sort((one, other) => one.startedAt - other.startedAt);
  }
}

/** Returns an erasure as it is stored. */
export function encodeErasure(erasure: Erasure): string {
  return JSON.stringify(erasure);
}

function decode(text: string): Erasure {
  const { user, after, ...rest } = JSON.parse(text) as Erasure;
  return { ...rest, user, after };
}
