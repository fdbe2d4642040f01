import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import { CallsUnderWay } from "./calls-under-way.ts";
import type { KeyContent } from "./contents.ts";

const PUT = new Script("migration/put");

/** The most values and units of text of one call: Redis serves no other client during it. */
const MAX_VALUES = 2_000;
const MAX_TEXT_UNITS = 512 * 1024;
const CALLS_UNDER_WAY = 4;

/** What is to be written with the next call of a tag. */
interface Pending {
  readonly keys: string[];
  readonly arguments: (string | number)[];
  values: number;
  units: number;
}

/** Writes keys of a migration, many in a call. In Cluster the keys of a call have one tag. */
export class KeyWriter {
  private readonly pending = new Map<string, Pending>();
  private readonly prepared = new Set<string>();
  private readonly calls = new CallsUnderWay(CALLS_UNDER_WAY);

  constructor(private readonly client: RedisClient) {}

  async put(contents: readonly KeyContent[]): Promise<void> {
    for (const content of contents)
      for (const part of partsOf(content)) {
        const tag = this.client.isCluster ? this.client.keys.tagOf(part.key) : "";
        const pending = this.pendingOf(tag);
        pending.keys.push(part.key);
        pending.arguments.push(part.kind, part.more ? 0 : 1, part.expiresAt ?? "", part.values.length);
        for (const value of part.values) {
          pending.arguments.push(value);
          pending.units += value.length;
        }
        pending.values += part.values.length + 1;
        if (pending.values >= MAX_VALUES || pending.units >= MAX_TEXT_UNITS) await this.send(tag, pending);
      }
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    for (const [tag, pending] of [...this.pending]) await this.send(tag, pending);
    await this.calls.drain();
  }

  private pendingOf(tag: string): Pending {
    let pending = this.pending.get(tag);
    if (pending === undefined) {
      pending = { keys: [], arguments: [], values: 0, units: 0 };
      this.pending.set(tag, pending);
    }
    return pending;
  }

  private async send(tag: string, { keys, arguments: values }: Pending): Promise<void> {
    this.pending.delete(tag);
    const call = this.client.run(PUT, keys, values);
    // A call that finds its script missing is sent again, after others that were sent meanwhile.
    if (!this.prepared.has(tag)) await call;
    this.prepared.add(tag);
    await this.calls.add(call);
  }
}

/** Divides long contents. */
function* partsOf(content: KeyContent): Generator<KeyContent> {
  const { values } = content;
  let from = 0;
  let units = 0;
  for (let at = 0; at < values.length; at += 2) {
    if (at > from && (at - from >= MAX_VALUES || units >= MAX_TEXT_UNITS)) {
      yield { ...content, values: values.slice(from, at), ...(from > 0 && { more: true as const }) };
      from = at;
      units = 0;
    }
    units += values[at]!.length + (values[at + 1]?.length ?? 0);
  }
  yield { ...content, values: values.slice(from), ...(from > 0 && { more: true as const }) };
}
