import type { RetentionLimits } from "../../../core/conversation/retention.ts";
import type { ClaimResult, MigrationTarget } from "../../../core/migration/ports.ts";
import type {
  ConversationRecord,
  MessageBatch,
  StoreRecord,
  UserRecord,
} from "../../../core/migration/records.ts";
import type { MigrationState, Occupant } from "../../../core/migration/state.ts";
import type { RedisClient } from "../connection/client.ts";
import { type ConnectOptions, connect } from "../connection/connect.ts";
import { classifyError } from "../connection/errors.ts";
import { evaluateRequirements, readServerFacts } from "../connection/requirements.ts";
import { NodeRegistry } from "../presence/node-registry.ts";
import { StoreMisconfigured } from "../start-step.ts";
import { MigrationClaim } from "./claim.ts";
import { sharedKeys, storeContents, userContents } from "./contents.ts";
import { conversationContents } from "./conversation-contents.ts";
import { KeyComparer } from "./key-comparer.ts";
import { KeyWriter } from "./key-writer.ts";
import { LogComparer } from "./log-comparer.ts";
import { LogWriter } from "./log-writer.ts";
import { readMemory } from "./memory.ts";
import { writeMovedRetention } from "./moved.ts";
import { readMigrationState } from "./unfinished.ts";

/** Opens the Redis to which a store is moved. Throws StoreUnavailable and StoreMisconfigured as the start of a node does. */
export async function openMigrationTarget(options: ConnectOptions): Promise<RedisMigrationTarget> {
  const client = await connect({ ...options, isMigrating: true });
  try {
    const { problems, warnings } = evaluateRequirements(await readServerFacts(client));
    if (problems.length > 0)
      throw new StoreMisconfigured(`${client.description} cannot be used. ${problems.join(" ")}`);
    return new RedisMigrationTarget(
      client,
      warnings.map(({ advice }) => advice),
    );
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** Redis as the target of a migration from another store. */
export class RedisMigrationTarget implements MigrationTarget {
  readonly description: string;
  private readonly claimed: MigrationClaim;
  private readonly logs: LogWriter;
  private readonly keyWriter: KeyWriter;
  private readonly logComparer: LogComparer;
  private readonly keyComparer: KeyComparer;

  constructor(
    private readonly client: RedisClient,
    readonly warnings: readonly string[],
  ) {
    this.description = client.description;
    this.claimed = new MigrationClaim(client);
    this.logs = new LogWriter(client);
    this.keyWriter = new KeyWriter(client);
    this.logComparer = new LogComparer(client);
    this.keyComparer = new KeyComparer(client);
  }

  readState(): Promise<MigrationState | undefined> {
    return readMigrationState(this.client);
  }

  claim(owner: string, newState?: MigrationState): Promise<ClaimResult> {
    return this.claimed.take(owner, newState);
  }

  abandon(): Promise<void> {
    return this.claimed.release("abandon");
  }

  saveState(state: MigrationState): Promise<void> {
    return this.claimed.save(state);
  }

  async hasRunningNodes(): Promise<boolean> {
    const { nodes, now } = await NodeRegistry.read(this.client);
    return nodes.some(({ until }) => until > now);
  }

  async findOther(): Promise<Occupant | undefined> {
    const has = async (name: "epoch" | "nodes") =>
      (await this.client.commands.exists(this.client.keys.globalKey(name))) === 1;
    const isStore = await has("epoch");
    if (await has("nodes")) return { what: "the nodes of a server, which runs on it or ran there", isStore };
    for await (const keys of this.allKeys()) {
      const other = keys.find((key) => !this.isOfNoStore(key) && !this.isOfMigration(key));
      if (other !== undefined) return { what: `the key ${other}`, isStore };
    }
    return undefined;
  }

  async clear(): Promise<void> {
    for await (const keys of this.allKeys())
      await Promise.all(
        keys.filter((key) => !this.isOfMigration(key)).map((key) => this.client.commands.unlink(key)),
      );
  }

  memory() {
    return readMemory(this.client);
  }

  async begin(epoch: string): Promise<void> {
    await this.client.commands.set(this.client.keys.globalKey("epoch"), epoch);
  }

  append(messages: MessageBatch["messages"]): Promise<void> {
    return this.logs.append(messages);
  }

  writeConversation(record: ConversationRecord, epoch: string): Promise<void> {
    return this.keyWriter.put(conversationContents(this.client.keys, record, epoch));
  }

  writeUser(record: UserRecord): Promise<void> {
    return this.keyWriter.put(userContents(this.client.keys, record));
  }

  async writeRest(records: Iterable<StoreRecord>, onRecord: () => void): Promise<void> {
    await Promise.all(sharedKeys(this.client.keys).map((key) => this.client.commands.unlink(key)));
    for (const record of records) {
      await this.keyWriter.put(storeContents(this.client.keys, record));
      onRecord();
    }
  }

  async flush(): Promise<void> {
    await this.logs.flush();
    await this.keyWriter.flush();
  }

  expect(messages: MessageBatch["messages"]): void {
    this.logComparer.expect(messages);
  }

  compareLogs(onProgress: (messages: number) => void) {
    return this.logComparer.compare(onProgress);
  }

  compareConversation(record: ConversationRecord, epoch: string): Promise<void> {
    return this.keyComparer.compare(conversationContents(this.client.keys, record, epoch), Date.now());
  }

  compareUser(record: UserRecord): Promise<void> {
    return this.keyComparer.compare(userContents(this.client.keys, record), Date.now());
  }

  async compareRest(records: Iterable<StoreRecord>): Promise<void> {
    // Records that share a key are compared together.
    const contents = [...records].flatMap((record) => storeContents(this.client.keys, record));
    const whole = [...Map.groupBy(contents, ({ key }) => key).values()].map((some) => ({
      ...some[0]!,
      values: some.flatMap(({ values }) => values),
    }));
    await this.keyComparer.compare(whole, Date.now());
  }

  compared() {
    return this.keyComparer.finish();
  }

  explainError(error: unknown): string | undefined {
    return classifyError(error)?.description;
  }

  async finish(retention: RetentionLimits): Promise<void> {
    const { commands, keys } = this.client;
    await this.claimed.save(undefined);
    if ((await commands.exists(keys.globalKey("nodes"))) === 1)
      throw new Error(
        `A server was started on ${this.description} while the migration ran. Stop it, and run the command again with --restart.`,
      );
    await writeMovedRetention(this.client, retention);
    await commands.unlink(this.stateKey, keys.globalKey("migration-claim"));
  }

  async close(): Promise<void> {
    // Where Redis is away, the claim ends by itself.
    await this.claimed.release().catch(() => {});
    await this.client.close();
  }

  private get stateKey(): string {
    return this.client.keys.globalKey("migration");
  }

  private isOfMigration(key: string): boolean {
    return key === this.stateKey || key === this.client.keys.globalKey("migration-claim");
  }

  /** Keys that every connection leaves for a moment. */
  private isOfNoStore(key: string): boolean {
    return /:probe$/.test(key);
  }

  private async *allKeys(): AsyncGenerator<string[]> {
    const pattern = this.client.keys.allPattern();
    for (const primary of this.client.primaries) {
      let cursor = "0";
      do {
        const [next, found] = await primary.scan(cursor, "MATCH", pattern, "COUNT", 1_000);
        yield found;
        cursor = next;
      } while (cursor !== "0");
    }
  }
}
