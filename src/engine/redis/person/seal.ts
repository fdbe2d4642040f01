import { createHmac } from "node:crypto";
import type { RedisClient } from "../connection/client.ts";

/**
 * Tokens that were issued to an erased person stay refused, and the store may not name the person: it keeps a keyed hash of the name.
 * The key is a secret of the store, so who has a copy of one key alone learns no name by guessing.
 */
export class SealedRevocations {
  private secret: string | undefined;

  constructor(private readonly client: RedisClient) {}

  /** Returns the moment before which the tokens of a person who was erased are refused; 0: of a name that never was. */
  async before(user: string): Promise<number> {
    const key = await this.keyOf(user);
    return key === undefined ? 0 : Number((await this.client.commands.get(key)) ?? 0);
  }

  /** Puts a hash in the place of the name in a revocation. */
  async seal(user: string): Promise<void> {
    const { commands, keys } = this.client;
    const named = keys.userKey(user, "revoked");
    const before = await commands.get(named);
    if (before === null) return;
    await commands.set(keys.globalKey("name-secret"), crypto.randomUUID(), "NX");
    const key = (await this.keyOf(user))!;
    const sealed = Number((await commands.get(key)) ?? 0);
    await commands.set(key, Math.max(sealed, Number(before)));
    await commands.del(named);
  }

  private async keyOf(user: string): Promise<string | undefined> {
    const { commands, keys } = this.client;
    this.secret ??= (await commands.get(keys.globalKey("name-secret"))) ?? undefined;
    if (this.secret === undefined) return undefined;
    return keys.personKey(createHmac("sha256", this.secret).update(`person ${user}`).digest("base64url"));
  }
}
