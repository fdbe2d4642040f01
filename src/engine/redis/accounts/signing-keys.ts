import type { SigningKeyStore } from "../../../core/ports/store.ts";
import type { RedisClient } from "../connection/client.ts";

/** The port for digests of signing keys on Redis: one string that all nodes share. */
export class RedisSigningKeys implements SigningKeyStore {
  private readonly key: string;

  constructor(private readonly client: RedisClient) {
    this.key = client.keys.globalKey("signing-keys");
  }

  async read(): Promise<readonly string[]> {
    return (await this.client.commands.get(this.key))?.split(" ") ?? [];
  }

  async write(digests: readonly string[]): Promise<void> {
    await this.client.commands.set(this.key, digests.join(" "));
  }
}
