import {
  LEEWAY_KEPT,
  NEVER,
  type RevocableToken,
  type Revocation,
  type RevocationListener,
  type RevocationStore,
} from "../../core/revocations.ts";
import type { EngineLog } from "../engine-log.ts";
import { Watchers } from "../watchers.ts";
import type { RedisClient } from "./client.ts";
import type { ControlEvent, ControlLog } from "./control.ts";
import { Script } from "./scripts.ts";

const REVOKE_USER = new Script("revoke-user");

/** A token about which Redis is being asked. */
interface Question {
  readonly token: RevocableToken;
  revoked: boolean;
}

/**
 * The port for revocations on Redis. What is revoked is kept first and told afterwards (control.ts): a crash in between
 * leaves it revoked, and whoever asked for it without an answer asks again.
 */
export class RedisRevocations implements RevocationStore {
  private readonly watchers = new Watchers<Revocation>({
    begin: () => this.beginListening(),
    end: () => this.stopListening?.(),
    // What is not told now never is: the other listeners, and the other revocations, must not wait for this one.
    failed: (error) => this.log.error("revocations.listener_failed", { error: String(error) }),
  });
  private readonly missedBy = new Set<() => Promise<void> | void>();
  private readonly questions = new Set<Question>();
  private stopListening: (() => void) | undefined;

  constructor(
    private readonly client: RedisClient,
    private readonly control: ControlLog,
    private readonly log: EngineLog,
  ) {}

  async revokeToken(id: string, expiresAt: number): Promise<void> {
    const key = this.client.keys.ofToken(id);
    const keptUntil = expiresAt + LEEWAY_KEPT;
    // By the clock of Redis, so that no node's can end it early.
    if (keptUntil >= NEVER) await this.client.commands.set(key, "1");
    else await this.client.commands.set(key, "1", "PXAT", Math.max(1, keptUntil));
    await this.tell({ tokenId: id });
  }

  async revokeUser(user: string, before: number): Promise<void> {
    const key = this.client.keys.ofUser(user, "revoked");
    const counts = Number(await this.client.run(REVOKE_USER, [key], [before]));
    await this.tell({ user, before: counts });
  }

  async isRevoked(token: RevocableToken): Promise<boolean> {
    const { commands, keys } = this.client;
    const question: Question = { token, revoked: false };
    this.questions.add(question);
    try {
      const [own, before] = await Promise.all([
        commands.exists(keys.ofToken(token.id)),
        commands.get(keys.ofUser(token.subject, "revoked")),
      ]);
      // In a Cluster the answers can be older than a revocation that the watchers have been told of meanwhile.
      return question.revoked || own === 1 || Number(before ?? 0) > token.issuedAt;
    } finally {
      this.questions.delete(question);
    }
  }

  watch(listener: RevocationListener, missed?: () => Promise<void> | void): () => void {
    const stop = this.watchers.add(listener);
    if (missed !== undefined) this.missedBy.add(missed);
    return () => {
      stop();
      if (missed !== undefined) this.missedBy.delete(missed);
    };
  }

  private beginListening(): void {
    this.stopListening = this.control.listen({
      heard: (events) => this.hear(events),
      missed: () => this.tellMissed(),
    });
  }

  private async tell(revocation: Revocation): Promise<void> {
    await this.control.tell(revocation);
    await this.control.look();
  }

  private hear(events: readonly ControlEvent[]): void {
    for (const revocation of furthest(events)) {
      for (const question of this.questions) question.revoked ||= hits(revocation, question.token);
      this.watchers.tell(revocation);
    }
  }

  private async tellMissed(): Promise<void> {
    await Promise.all([...this.missedBy].map((missed) => missed()));
  }
}

/** The revocations among `events`, each token and user once. */
function furthest(events: readonly ControlEvent[]): Iterable<Revocation> {
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

function hits(revocation: Revocation, { id, subject, issuedAt }: RevocableToken): boolean {
  if ("tokenId" in revocation) return revocation.tokenId === id;
  return revocation.user === subject && issuedAt < revocation.before;
}
