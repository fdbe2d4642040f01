// The port for webhooks: what operators set of them, and how far each has come. `test/contracts/feed/webhooks.ts` is the contract.
import type { WebhookChange } from "../../webhooks/operate.ts";
import type { StoredWebhook, WebhookProgress } from "../../webhooks/webhook.ts";

/** Called after webhooks were added, changed or removed by operators, and when that may have been missed. When it rejects, it is called again. */
export type WebhookListener = () => Promise<void> | void;

/** Who writes the progress: the number of the run of the shared task (`TaskRun.generation`). */
export type SenderGeneration = number;

export interface WebhookStore {
  /** MUST be ordered by id. */
  list(): Promise<StoredWebhook[]>;
  find(id: string): Promise<StoredWebhook | undefined>;
  /** Adds a webhook. MUST leave an existing one of the same id unchanged (`taken`), and keep no more than MAX_WEBHOOKS (`full`). */
  add(webhook: StoredWebhook): Promise<"added" | "taken" | "full">;
  /**
   * Replaces what operators set, and with `progress` how far it has come, in one step. MUST do so only if the stored `revision` is
   * the one before that of the change, and else return false: somebody else has changed or removed it.
   */
  change(change: WebhookChange): Promise<boolean>;
  /** Returns whether it existed. */
  remove(id: string): Promise<boolean>;
  /**
   * Writes how far a webhook has come. MUST leave it unchanged and return `fenced` where a later generation has written it before, and
   * `superseded` where `course` is not that of the stored progress, or the webhook is gone. A generation counts from the start of the
   * store where only one server can use it.
   */
  advance(
    id: string,
    generation: SenderGeneration,
    progress: WebhookProgress,
  ): Promise<"written" | "fenced" | "superseded">;
  /**
   * Reports every change by an operator: one of this store before its call resolves, one made by another process within a second.
   * MUST NOT report `advance`. Returns a function that stops it.
   */
  watch(listener: WebhookListener): () => void;
}
