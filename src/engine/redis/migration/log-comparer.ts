import type { Difference } from "../../../core/migration/ports.ts";
import type { CarriedMessage } from "../../../core/migration/records.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import { scanConversations } from "../messages/scan-conversations.ts";
import { Checksum } from "./checksum.ts";
import { logFields } from "./log-writer.ts";

const COMPARE = new Script("migration/compare-log");

/** The messages that one call reads, and the conversations that are read at a time. */
const PAGE_SIZE = 500;
const AT_A_TIME = 4;
/** So many differences are described. */
const MAX_DIFFERENCES = 20;

/** Reads all messages back, each once, and compares number and checksum of each conversation with those of the source. */
export class LogComparer {
  private readonly expected = new Map<string, Checksum>();

  constructor(private readonly client: RedisClient) {}

  /** Notes what must be there. */
  expect(messages: readonly CarriedMessage[]): void {
    for (const message of messages) {
      let sum = this.expected.get(message.conversation);
      if (sum === undefined) {
        sum = new Checksum();
        this.expected.set(message.conversation, sum);
      }
      const { name, record } = logFields(message);
      sum.add(`${message.seq} ${message.at} ${name} ${record}`);
    }
  }

  async compare(onProgress: (messages: number) => void): Promise<readonly Difference[]> {
    const differences: Difference[] = [];
    const waiting = this.expected.entries();
    const compareNext = async () => {
      for (const [conversation, expected] of waiting) {
        const difference = await this.compareOne(conversation, expected, onProgress);
        if (difference !== undefined && differences.length < MAX_DIFFERENCES) differences.push(difference);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, compareNext));
    for await (const found of scanConversations(this.client, "log"))
      for (const conversation of found)
        if (!this.expected.has(conversation) && differences.length < MAX_DIFFERENCES)
          differences.push(`${conversation}: it has messages, and none were to be carried`);
    return differences;
  }

  private async compareOne(
    conversation: string,
    expected: Checksum,
    onProgress: (messages: number) => void,
  ): Promise<Difference | undefined> {
    const { keys } = this.client;
    const names = [keys.conversationKey(conversation, "log"), keys.conversationKey(conversation, "ids")];
    const found = new Checksum();
    let unnamed = 0;
    for (let after = "-"; ; ) {
      const reply = await this.client.run(COMPARE, names, [after, PAGE_SIZE]);
      const [count, sum, last, unknown] = reply as [number, string, string, number];
      found.addReply(count, sum);
      unnamed += unknown;
      onProgress(count);
      if (count < PAGE_SIZE) break;
      after = last;
    }
    if (found.count !== expected.count)
      return `${conversation}: ${found.count} messages instead of ${expected.count}`;
    if (!found.equals(expected)) return `${conversation}: the messages differ`;
    return unnamed > 0 ? `${conversation}: ${unnamed} messages are not found by their ids` : undefined;
  }
}
