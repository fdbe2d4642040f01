import type { SenderGeneration, WebhookListener, WebhookStore } from "../../../core/ports/feed/webhooks.ts";
import type { WebhookChange } from "../../../core/webhooks/operate.ts";
import { MAX_WEBHOOKS, type StoredWebhook, type WebhookProgress } from "../../../core/webhooks/webhook.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import type { ControlStream } from "../control-stream.ts";

const CHANGE = new Script("feed/webhook-change");
const ADVANCE = new Script("feed/webhook-advance");

/**
 * The port for webhooks on Redis: a hash of what operators set, which all nodes read again when the control stream says so, and one
 * of how far each has come. Values are `<revision> <JSON>` and `<generation> <course> <JSON>`: scripts read the numbers only.
 */
export class RedisWebhooks implements WebhookStore {
  private readonly keys: readonly [settings: string, progress: string];
  private readonly scriptKeys: readonly string[];

  constructor(
    private readonly client: RedisClient,
    private readonly control: ControlStream,
  ) {
    this.keys = keysOf(client);
    this.scriptKeys = [...this.keys, ...control.scriptKeys];
  }

  list(): Promise<StoredWebhook[]> {
    return readWebhooks(this.client);
  }

  async find(id: string): Promise<StoredWebhook | undefined> {
    const [settings, progress] = await Promise.all(
      this.keys.map((key) => this.client.commands.hget(key, id)),
    );
    return decodeWebhook(settings, progress);
  }

  async add({ progress, ...webhook }: StoredWebhook) {
    const reply = await this.runChange("add", webhook.id, webhook.revision, webhook, progress);
    return reply === 1 ? "added" : reply === 0 ? "taken" : "full";
  }

  async change({ webhook, progress }: WebhookChange): Promise<boolean> {
    return (await this.runChange("change", webhook.id, webhook.revision, webhook, progress)) === 1;
  }

  async remove(id: string): Promise<boolean> {
    return (await this.runChange("remove", id, 0)) === 1;
  }

  async advance(id: string, generation: SenderGeneration, progress: WebhookProgress) {
    const arguments_ = [id, generation, progress.course, JSON.stringify(progress)];
    const reply = await this.client.run(ADVANCE, this.keys, arguments_);
    return reply === 1 ? "written" : reply === 2 ? "fenced" : "superseded";
  }

  watch(listener: WebhookListener): () => void {
    return this.control.listen({
      onEvents: (events) => (events.some((event) => "webhook" in event) ? listener() : undefined),
      onMissed: listener,
    });
  }

  private async runChange(
    what: "add" | "change" | "remove",
    id: string,
    revision: number,
    webhook?: WebhookChange["webhook"],
    progress?: WebhookProgress,
  ): Promise<number> {
    const arguments_ = [
      what,
      id,
      revision,
      webhook === undefined ? "" : JSON.stringify(webhook),
      progress === undefined ? "" : progressText(progress),
      MAX_WEBHOOKS,
      ...this.control.scriptArguments,
    ];
    const reply = await this.client.run(CHANGE, this.scriptKeys, arguments_);
    await this.control.poll();
    return Number(reply);
  }
}

function keysOf({ keys }: RedisClient): readonly [settings: string, progress: string] {
  return [keys.globalKey("webhooks"), keys.globalKey("webhook-progress")];
}

/** Returns all webhooks, by id. */
export async function readWebhooks(client: RedisClient): Promise<StoredWebhook[]> {
  const [settings, progress] = await Promise.all(keysOf(client).map((key) => client.commands.hgetall(key)));
  return Object.keys(settings!)
    .sort((one, other) => (one < other ? -1 : 1))
    .flatMap((id) => decodeWebhook(settings![id], progress![id]) ?? []);
}

/** Undefined where one of the two is not there: it was removed between the two reads, or a script was cut off. */
function decodeWebhook(
  settings: string | null | undefined,
  progress: string | null | undefined,
): StoredWebhook | undefined {
  if (settings == null || progress == null) return undefined;
  return { ...JSON.parse(jsonOf(settings)), progress: JSON.parse(jsonOf(progress)) };
}

/** Returns the value of what operators set, in the hash `webhooks`. */
export function encodeWebhook(webhook: WebhookChange["webhook"]): string {
  return `${webhook.revision} ${JSON.stringify(webhook)}`;
}

/** Returns the value of a progress that no sender has written yet, in the hash `webhook-progress`. */
export function encodeProgress(progress: WebhookProgress): string {
  return `0 ${progressText(progress)}`;
}

function progressText(progress: WebhookProgress): string {
  return `${progress.course} ${JSON.stringify(progress)}`;
}

function jsonOf(value: string): string {
  return value.slice(value.indexOf("{"));
}
