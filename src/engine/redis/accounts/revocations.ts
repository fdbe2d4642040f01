import type { ListPage } from "../../../core/collections/list-page.ts";
import type { Emit } from "../../../core/events/events.ts";
import {
  NEVER,
  REVOCATION_LEEWAY_MS,
  type RevocableToken,
  type Revocation,
  type RevocationListener,
  type RevocationStore,
} from "../../../core/ports/revocations.ts";
import { Listeners } from "../../listeners.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import type { ControlEvent, ControlStream } from "../control-stream.ts";
import { SealedRevocations } from "../person/seal.ts";
import { scanPage } from "../scan-page.ts";

const REVOKE_USER = new Script("accounts/revoke-user");

/** A token for which a look-up in Redis is running. */
interface PendingCheck {
  readonly token: RevocableToken;
  revoked: boolean;
}

/**
 * The port for revocations on Redis. A revocation is stored first and announced after that (control-stream.ts). After a crash
 * in between the token is revoked; the caller got no reply, and tries again.
 */
export class RedisRevocations implements RevocationStore {
  private readonly listeners = new Listeners<Revocation>({
    onFirstAdded: () => this.beginListening(),
    onLastRemoved: () => this.stopListening?.(),
    // A listener that fails is not called again for this revocation: the other listeners and revocations must not wait for it.
    onError: (error) => this.emit("revocations.listener_failed", { error: String(error) }),
  });
  private readonly missedListeners = new Set<() => Promise<void> | void>();
  private readonly pendingChecks = new Set<PendingCheck>();
  private stopListening: (() => void) | undefined;
  private readonly sealed: SealedRevocations;

  constructor(
    private readonly client: RedisClient,
    private readonly control: ControlStream,
    private readonly emit: Emit,
  ) {
    this.sealed = new SealedRevocations(client);
  }

  async revokeToken(id: string, expiresAt: number): Promise<void> {
    const key = this.client.keys.tokenKey(id);
    const keptUntil = expiresAt + REVOCATION_LEEWAY_MS;
    // The expiry is set by the clock of Redis, so that a wrong clock of a node cannot end the revocation early.
    if (keptUntil >= NEVER) await this.client.commands.set(key, "1");
    else await this.client.commands.set(key, "1", "PXAT", Math.max(1, keptUntil));
    await this.publish({ tokenId: id });
  }

  async revokeUser(user: string, before: number): Promise<void> {
    const key = this.client.keys.userKey(user, "revoked");
    const counts = Number(await this.client.run(REVOKE_USER, [key], [before]));
    await this.publish({ user, before: counts });
  }

  async isRevoked(token: RevocableToken): Promise<boolean> {
    const { commands, keys } = this.client;
    const check: PendingCheck = { token, revoked: false };
    this.pendingChecks.add(check);
    try {
      const [own, before, sealed] = await Promise.all([
        commands.exists(keys.tokenKey(token.id)),
        commands.get(keys.userKey(token.subject, "revoked")),
        this.sealed.before(token.subject),
      ]);
      // In Cluster, a reply can be older than a revocation that the listeners were notified of meanwhile.
      return check.revoked || own === 1 || Math.max(Number(before ?? 0), sealed) > token.issuedAt;
    } finally {
      this.pendingChecks.delete(check);
    }
  }

  /** Searches all keys for them, some for each page. */
  async list(limit: number, cursor?: string): Promise<ListPage<Revocation> | undefined> {
    const { client } = this;
    const page = await scanPage(client, client.keys.revocationPattern(), limit, cursor);
    if (page === undefined) return undefined;
    const found = page.items.map(async (key): Promise<Revocation | undefined> => {
      const named = client.keys.revokedOfKey(key);
      if ("tokenId" in named) return named;
      const before = await client.commands.get(key);
      return before === null ? undefined : { ...named, before: Number(before) };
    });
    const items = (await Promise.all(found)).filter((each) => each !== undefined);
    return { items, next: page.next };
  }

  watch(listener: RevocationListener, missed?: () => Promise<void> | void): () => void {
    const stop = this.listeners.add(listener);
    if (missed !== undefined) this.missedListeners.add(missed);
    return () => {
      stop();
      if (missed !== undefined) this.missedListeners.delete(missed);
    };
  }

  private beginListening(): void {
    this.stopListening = this.control.listen({
      onEvents: (events) => this.onEvents(events),
      onMissed: () => this.notifyMissed(),
    });
  }

  private async publish(revocation: Revocation): Promise<void> {
    await this.control.append(revocation);
    await this.control.poll();
  }

  private onEvents(events: readonly ControlEvent[]): void {
    for (const revocation of newestRevocations(events)) {
      for (const check of this.pendingChecks) check.revoked ||= appliesTo(revocation, check.token);
      this.listeners.notify(revocation);
    }
  }

  private async notifyMissed(): Promise<void> {
    await Promise.all([...this.missedListeners].map((missed) => missed()));
  }
}

/** The revocations among `events`, each token and user once. */
function newestRevocations(events: readonly ControlEvent[]): Iterable<Revocation> {
  const found = new Map<string, Revocation>();
  const reach = (user: string) => {
    const known = found.get(`user ${user}`);
    return known !== undefined && "before" in known ? known.before : 0;
  };
  for (const event of events) {
    if ("tokenId" in event) found.set(`token ${event.tokenId}`, event);
    else if ("user" in event && event.before > reach(event.user)) found.set(`user ${event.user}`, event);
  }
  return found.values();
}

function appliesTo(revocation: Revocation, { id, subject, issuedAt }: RevocableToken): boolean {
  if ("tokenId" in revocation) return revocation.tokenId === id;
  return revocation.user === subject && issuedAt < revocation.before;
}
