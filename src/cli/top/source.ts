import type { ActivityAnswer } from "../../core/activity/node-activity.ts";
import { describeAddress } from "../../engine/redis/connection/describe-address.ts";
import { GET_ACTIVITY } from "../../server/http/routes/operator/activity-schema.ts";
import { redisAddressOf } from "../../server/settings/redis-address.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { readOperatorKey } from "../server/operator-key.ts";
import { fetchServer, readJsonObject } from "../server/sign-in.ts";
import { loadTarget } from "../server/target.ts";
import { loadStoreSettings } from "../setting-flags.ts";
import type { CommandActivity } from "../store/provider.ts";
import { storeProvider } from "../store/providers.ts";

/** Where the numbers come from. */
export interface ActivitySource {
  /** A name for people. */
  readonly name: string;
  /** What it means when nothing can be read: the store is down, or only the server cannot be reached. */
  readonly whenAway: "store down" | "not reachable";
  /** Returns what all nodes do; rejects with a `Refused` where to ask again changes nothing. */
  read(): Promise<ActivityAnswer>;
  close(): Promise<void>;
}

/** The flags that say where the numbers come from. */
export interface SourceFlags {
  readonly url?: string;
  readonly context?: string;
}

/** To ask again changes nothing. */
export class Refused extends CliError {}

/**
 * With --url, --context or PARLEY_API_KEY the source is a server, over HTTP, else the store of the settings: the data folder, or Redis.
 * Throws a `CliError` where there is no key, or no store.
 */
export async function openSource(flags: SourceFlags): Promise<ActivitySource> {
  const key = readOperatorKey();
  const { url, context } = flags;
  if (url === undefined && context === undefined && !key) return openStore(flags);
  if (!key)
    throw new UsageError(
      "Set PARLEY_API_KEY to an API key with the right manage, or run this without --url on a machine with the store.",
    );
  const target = loadTarget({ ...(url !== undefined && { url }), ...(context !== undefined && { context }) });
  return {
    name: target.http,
    whenAway: "not reachable",
    read: async () => {
      const response = await fetchServer(target, "/activity", {
        headers: { Authorization: `Bearer ${key}` },
      });
      const body = await readJsonObject(response);
      if (response.ok) return checkAnswer(target.http, body);
      const detail = typeof body.detail === "string" ? body.detail : `status ${response.status}`;
      if (response.status === 404)
        throw new Refused(`${target.http} has no GET /activity (${detail}): is it an older version?`);
      if (response.status >= 500 || response.status === 429) throw new CliError(detail);
      throw new Refused(`The request was rejected: ${detail}`);
    },
    close: async () => {},
  };
}

/** Fields that a newer server has added are let through; without those of this version nothing can be shown. */
function checkAnswer(server: string, body: Record<string, unknown>): ActivityAnswer {
  const { error } = GET_ACTIVITY.answers[200].safeParse(body);
  const wrong = error?.issues.find(({ code }) => code !== "unrecognized_keys");
  if (wrong === undefined) return body as unknown as ActivityAnswer;
  const field = wrong.path.length === 0 ? "the whole" : `\`${wrong.path.join(".")}\``;
  throw new Refused(
    `${server} answers GET /activity in a form that this version does not know (${field}): is it another version, or another program?`,
  );
}

async function openStore(flags: SourceFlags): Promise<ActivitySource> {
  const settings = loadStoreSettings(flags);
  const provider = storeProvider(settings);
  const address = redisAddressOf(settings);
  if (address === undefined) {
    const { description, read, close } = await provider.openActivity();
    return { name: description, whenAway: "not reachable", read, close };
  }
  // Redis may be away, which is what an operator wants to see: each reading tries again to connect.
  let opening: Promise<CommandActivity> | undefined;
  const open = () =>
    (opening ??= provider.openActivity().catch((error) => {
      opening = undefined;
      throw error;
    }));
  return {
    name: describeAddress(address),
    whenAway: "store down",
    read: async () => (await open()).read(),
    close: async () => (await opening?.catch(() => undefined))?.close(),
  };
}
