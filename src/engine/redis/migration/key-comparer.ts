import type { Difference } from "../../../core/migration/ports.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import { CallsUnderWay } from "./calls-under-way.ts";
import { Checksum } from "./checksum.ts";
import type { KeyContent } from "./contents.ts";

const COMPARE = new Script("migration/compare");

/** The most keys and values of one call: Redis serves no other client during it. */
const KEYS_OF_A_CALL = 200;
const VALUES_OF_A_CALL = 4_000;
const CALLS_UNDER_WAY = 4;
const MAX_DIFFERENCES = 20;

interface Pending {
  values: number;
  readonly contents: Map<string, { readonly kind: KeyContent["kind"]; readonly sum: Checksum }>;
}

/** Reads keys of a migration back, and compares number and checksum of the values of each. */
export class KeyComparer {
  private readonly pending = new Map<string, Pending>();
  private readonly calls = new CallsUnderWay(CALLS_UNDER_WAY);
  private differences: Difference[] = [];

  constructor(private readonly client: RedisClient) {}

  /** Compares whole keys. A key that has expired meanwhile is no difference. */
  async compare(contents: readonly KeyContent[], now: number): Promise<void> {
    for (const { key, kind, values, expiresAt } of contents) {
      if (expiresAt !== undefined && expiresAt <= now) continue;
      const tag = this.client.isCluster ? this.client.keys.tagOf(key) : "";
      const pending: Pending = this.pending.get(tag) ?? { values: 0, contents: new Map() };
      this.pending.set(tag, pending);
      const known = pending.contents.get(key) ?? { kind, sum: new Checksum() };
      pending.contents.set(key, known);
      addValues(known.sum, kind, values);
      pending.values += values.length;
      if (pending.contents.size >= KEYS_OF_A_CALL || pending.values >= VALUES_OF_A_CALL)
        await this.send(tag, pending);
    }
  }

  async finish(): Promise<readonly Difference[]> {
    for (const [tag, pending] of [...this.pending]) await this.send(tag, pending);
    await this.calls.drain();
    return this.differences;
  }

  private async send(tag: string, { contents }: Pending): Promise<void> {
    this.pending.delete(tag);
    await this.calls.add(this.compareAll([...contents]));
  }

  private async compareAll(
    contents: readonly (readonly [string, { readonly kind: string; readonly sum: Checksum }])[],
  ): Promise<void> {
    const keys = contents.map(([key]) => key);
    const reply = (await this.client.run(
      COMPARE,
      keys,
      contents.map(([, { kind }]) => kind),
    )) as (number | string)[];
    for (const [i, [key, { sum }]] of contents.entries()) {
      const found = new Checksum();
      found.addReply(Number(reply[2 * i]), reply[2 * i + 1]!);
      if (found.equals(sum) || this.differences.length >= MAX_DIFFERENCES) continue;
      const numbers =
        found.count === sum.count ? "its values differ" : `${found.count} values instead of ${sum.count}`;
      this.differences.push(`${key}: ${numbers}`);
    }
  }
}

function addValues(sum: Checksum, kind: KeyContent["kind"], values: readonly string[]): void {
  if (kind === "h") for (let i = 0; i < values.length; i += 2) sum.add(`${values[i]}\t${values[i + 1]}`);
  else if (kind === "z") for (let i = 0; i < values.length; i += 2) sum.add(`${values[i + 1]}\t${values[i]}`);
  else if (kind === "l") for (const [i, value] of values.entries()) sum.add(`${i + 1} ${value}`);
  else sum.add(values[0]!);
}
