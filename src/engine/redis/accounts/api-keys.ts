import {
  type ApiKeyListener,
  type ApiKeyStore,
  MAX_STORED_API_KEYS,
  type StoredApiKey,
} from "../../../core/ports/access/api-keys.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import type { ControlStream } from "../control-stream.ts";

const CHANGE = new Script("accounts/api-key-change");

/** The port for API keys on Redis: a hash from names to keys, which all nodes read again when the control stream says so. */
export class RedisApiKeys implements ApiKeyStore {
  private readonly key: string;
  private readonly scriptKeys: readonly string[];

  constructor(
    private readonly client: RedisClient,
    private readonly control: ControlStream,
  ) {
    this.key = client.keys.globalKey("api-keys");
    this.scriptKeys = [this.key, ...control.scriptKeys];
  }

  async list(): Promise<StoredApiKey[]> {
    const all = Object.entries(await this.client.commands.hgetall(this.key));
    return all.sort(([one], [other]) => (one < other ? -1 : 1)).map(([, text]) => decodeKey(text));
  }

  async add(key: StoredApiKey) {
    const reply = await this.change(key.name, JSON.stringify(key));
    return reply === 1 ? "added" : reply === 0 ? "taken" : "full";
  }

  async remove(name: string): Promise<boolean> {
    return (await this.change(name, "")) === 1;
  }

  watch(listener: ApiKeyListener): () => void {
    return this.control.listen({
      onEvents: (events) => (events.some((event) => "apiKey" in event) ? listener() : undefined),
      onMissed: listener,
    });
  }

  /** Adds the key, or removes the one of this name if `text` is empty. */
  private async change(name: string, text: string): Promise<number> {
    const arguments_ = [name, text, MAX_STORED_API_KEYS, ...this.control.scriptArguments];
    const reply = await this.client.run(CHANGE, this.scriptKeys, arguments_);
    await this.control.poll();
    return Number(reply);
  }
}

function decodeKey(text: string): StoredApiKey {
  const key = JSON.parse(text) as StoredApiKey;
  return { ...key, by: key.by };
}
