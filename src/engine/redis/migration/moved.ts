import { DEFAULT_REDIS_RETENTION, type RetentionLimits } from "../../../core/conversation/retention.ts";
import { type ChosenRetention, explainForgottenRetention } from "../../../core/migration/retention.ts";
import type { RedisClient } from "../connection/client.ts";
import { StoreMisconfigured } from "../start-step.ts";

type Client = Pick<RedisClient, "commands" | "keys">;

/** Stores what was to be kept when a store was moved here. It stays: a setting can be forgotten at any later start. */
export async function writeMovedRetention(
  { commands, keys }: Client,
  limits: RetentionLimits,
): Promise<void> {
  await commands.set(keys.globalKey("moved-retention"), JSON.stringify(limits));
}

/** Throws StoreMisconfigured where a default would remove messages of a store that was moved here. */
export async function rejectForgottenRetention(
  { commands, keys }: Client,
  chosen: ChosenRetention,
): Promise<void> {
  const text = await commands.get(keys.globalKey("moved-retention"));
  if (text === null) return;
  const problem = explainForgottenRetention(JSON.parse(text), chosen, DEFAULT_REDIS_RETENTION);
  if (problem !== undefined) throw new StoreMisconfigured(problem);
}
