import { Command } from "commander";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { OLDEST_POSITION } from "../../core/ports/feed/feed.ts";
import type { WebhookStore } from "../../core/ports/feed/webhooks.ts";
import { type WebhookAnswer, webhookAnswer } from "../../core/webhooks/answer.ts";
import {
  DEFAULT_OVERLAP_S,
  explainReplayAfter,
  explainReplaySince,
  MAX_OVERLAP_S,
  pauseWebhook,
  replayWebhook,
  resumeWebhook,
  rotateSecret,
  type WebhookChange,
} from "../../core/webhooks/operate.ts";
import { MAX_WEBHOOKS, type StoredWebhook } from "../../core/webhooks/webhook.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import { explainPatterns, readEventTypes } from "../../server/feed/query.ts";
import { systemClock } from "../../server/process/system-clock.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { addWebhook, type ChangedWebhook, changeWebhook } from "../../server/webhooks/administer.ts";
import { makeWebhookSecret } from "../../server/webhooks/signature.ts";
import { explainWebhookUrl } from "../../server/webhooks/webhook-client.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { collectOption, integerOption } from "../flag-values.ts";
import { addStoreFlags, loadStoreSettings } from "../setting-flags.ts";
import { withStore } from "../store/open.ts";
import { print, printJson, printNote } from "../terminal/print.ts";
import { formatTable } from "../terminal/table.ts";

interface Task {
  readonly webhooks: WebhookStore;
  readonly operands: readonly string[];
  readonly flags: WebhookFlags;
}

interface WebhookFlags {
  readonly id?: string;
  readonly types?: string;
  readonly conversation?: readonly string[];
  readonly after?: string;
  readonly since?: string;
  readonly seconds?: number;
  readonly json?: boolean;
}

/** `parley webhook …`: manages webhooks in the store. A running server applies each change within two seconds. */
export function webhookCommand(): Command {
  const webhook = new Command("webhook").description("send events to a server of yours");
  const verb = (usage: string, about: string, task: (task: Task) => Promise<void>, check?: CheckCall) =>
    addStoreFlags(webhook.command(usage).description(about))
      .option("--json", "print JSON, for scripts")
      .action(async (...given: unknown[]) => {
        const command = given.at(-1) as Command;
        const flags = command.opts<WebhookFlags>();
        const settings = loadStoreSettings(flags);
        check?.(command.args, flags, settings);
        await withStore(settings, ({ webhooks }) => task({ webhooks, flags, operands: command.args }));
      });

  verb("add <url>", "add a webhook, and show its secret", add, checkAdd)
    .option("--id <id>", "its name (default: one that is made)")
    .option("--types <types>", "types of events, with commas: message.created,member.* (default: all)")
    .option(
      "--conversation <pattern>",
      "a conversation, or a beginning with `*`; may be repeated (default: all)",
      collectOption,
    );
  verb("list", "list the webhooks, and how far each has come", list);
  verb("pause <id>", "send nothing until it is resumed", pause);
  verb("resume <id>", "send what has come since, and at once what waits for a retry", resume);
  verb("replay <id>", "send events again", replay, checkReplay)
    .option("--after <position>", "those after this position of the feed")
    .option("--since <time>", "those since this time: 2030-01-31T08:00:00Z");
  const rotated = verb("rotate <id>", "give it a new secret, and show it", rotate);
  rotated.addOption(
    integerOption(
      rotated,
      "--seconds <seconds>",
      `how long the secret before signs, too (default: ${DEFAULT_OVERLAP_S})`,
      0,
      MAX_OVERLAP_S,
    ),
  );
  verb("remove <id>", "remove a webhook", remove);
  return webhook;
}

/** Throws UsageError where the call is wrong, before the store is opened. */
type CheckCall = (operands: readonly string[], flags: WebhookFlags, settings: Settings) => void;

function checkAdd(
  [url = ""]: readonly string[],
  { id, types, conversation }: WebhookFlags,
  settings: Settings,
): void {
  const wrong = explainWebhookUrl(url, { allowPrivate: settings.webhookAllowPrivate });
  if (wrong !== undefined) throw new UsageError(`The address ${wrong}.`);
  if (id !== undefined && !isIdentifier(id))
    throw new UsageError(`${JSON.stringify(id)} is not a valid id: use ${IDENTIFIER_RULE}.`);
  readTypes(types);
  const wrongPattern = conversation && explainPatterns(conversation);
  if (wrongPattern !== undefined) throw new UsageError(`--conversation ${wrongPattern}`);
}

function readTypes(text: string | undefined) {
  const types = text === undefined ? undefined : readEventTypes(text);
  if (typeof types === "string") throw new UsageError(`--types ${types}`);
  return types;
}

async function add({ webhooks, operands: [url = ""], flags }: Task): Promise<void> {
  const { id, conversation: conversations, json } = flags;
  const types = readTypes(flags.types);
  const now = Math.floor(systemClock().wall());
  const added = await addWebhook(
    webhooks,
    { id, url, ...(types && { types: [...types] }), ...(conversations && { conversations }) },
    // The command does not read the feed: the sender leaves out what happened before.
    { position: OLDEST_POSITION, since: now },
    now,
  );
  switch (added.outcome) {
    case "added":
      if (json) return void printJson({ ...answerOf(added.webhook), secret: added.secret }, 2);
      print(`id      ${added.webhook.id}\nsecret  ${added.secret}`);
      return printNote(
        "The secret is shown only once. Give it to the receiver, which verifies with it who sends.",
      );
    case "duplicate":
      throw new CliError(`The webhook ${id} is there already. A new secret: parley webhook rotate ${id}`);
    case "taken":
      throw new CliError(`There is another webhook ${id} already; see \`parley webhook list\`.`);
    case "full":
      throw new CliError(`The store has ${MAX_WEBHOOKS} webhooks. Remove those that are not used.`);
    default:
      return added satisfies never;
  }
}

async function list({ webhooks, flags }: Task): Promise<void> {
  const all = await webhooks.list();
  if (flags.json) return void printJson(all.map(answerOf), 2);
  if (all.length === 0) return print("There are no webhooks. Add one with `parley webhook add <url>`.");
  print(
    formatTable([
      ["id", "state", "waiting since", "next retry", "last success", "last failure", "url"],
      ...all.map(row),
    ]),
  );
}

function row({ id, url, status, progress }: StoredWebhook): string[] {
  const { waitingSince, retries, lastSuccess, lastFailure } = progress;
  const isRetried = status.state === "active" && retries.length > 0;
  const time = (at: number | undefined) => (at === undefined ? "–" : new Date(at).toISOString());
  return [
    id,
    status.state === "paused" ? `paused (${status.reason})` : status.state,
    waitingSince === undefined ? "none known" : time(waitingSince),
    time(isRetried ? Math.min(...retries.map(({ nextAt }) => nextAt)) : undefined),
    time(lastSuccess?.at),
    lastFailure === undefined ? "–" : `${time(lastFailure.at)} ${lastFailure.reason}`,
    url,
  ].map(escapeControlChars);
}

/** The command does not read the feed: it knows only of the events that a sending server has seen. */
function answerOf(webhook: StoredWebhook): WebhookAnswer {
  const { waitingSince } = webhook.progress;
  return webhookAnswer(webhook, waitingSince === undefined ? {} : { since: waitingSince });
}

function pause(task: Task): Promise<void> {
  return change(task, "Paused", (stored) => pauseWebhook(stored, Math.floor(systemClock().wall())));
}

async function resume(task: Task): Promise<void> {
  const { outcome, webhook } = await changed(task, (stored) =>
    resumeWebhook(stored, Math.floor(systemClock().wall())),
  );
  if (task.flags.json) return void printJson(answerOf(webhook), 2);
  if (outcome === "unchanged")
    return print(`${webhook.id} is active already, and none of its events waits for a retry.`);
  const { length } = webhook.progress.retries;
  const failed = length === 0 ? "" : `; what has failed is tried again now (${length})`;
  print(`Resumed ${webhook.id}${failed}.`);
}

function checkReplay(_operands: readonly string[], { after, since }: WebhookFlags): void {
  if ((after === undefined) === (since === undefined))
    throw new UsageError("Give either --after <position> or --since <time>.");
  const unlike = after === undefined ? undefined : explainReplayAfter(after);
  if (unlike !== undefined) throw new UsageError(`--after ${JSON.stringify(after)} ${unlike}.`);
  if (since === undefined) return;
  const time = Date.parse(since);
  if (Number.isNaN(time) || time < 0)
    throw new UsageError(`--since ${JSON.stringify(since)} is not a time such as 2030-01-31T08:00:00Z.`);
  const wrong = explainReplaySince(time, systemClock().wall());
  if (wrong !== undefined) throw new UsageError(`--since ${JSON.stringify(since)} ${wrong}.`);
}

function replay(task: Task): Promise<void> {
  const { after, since } = task.flags;
  const from = after === undefined ? { since: Date.parse(since!) } : { after };
  return change(task, "Replaying", (stored) => replayWebhook(stored, from));
}

async function rotate(task: Task): Promise<void> {
  const { seconds = DEFAULT_OVERLAP_S, json } = task.flags;
  const secret = makeWebhookSecret();
  const now = Math.floor(systemClock().wall());
  const { webhook } = await changed(task, (stored) => rotateSecret(stored, secret, seconds, now));
  if (json) return void printJson({ ...answerOf(webhook), secret }, 2);
  print(`secret  ${secret}`);
  printNote(`The secret is shown only once. The one before signs for ${seconds} seconds, too.`);
}

async function remove({ webhooks, operands: [id = ""] }: Task): Promise<void> {
  if (!(await webhooks.remove(id))) throw noSuchWebhook(id);
  print(`Removed ${id}.`);
}

async function change(
  task: Task,
  done: string,
  decide: (stored: StoredWebhook) => WebhookChange | undefined,
): Promise<void> {
  const { webhook } = await changed(task, decide);
  if (task.flags.json) printJson(answerOf(webhook), 2);
  else print(`${done} ${webhook.id}.`);
}

async function changed(
  { webhooks, operands: [id = ""] }: Task,
  decide: (stored: StoredWebhook) => WebhookChange | undefined,
): Promise<Extract<ChangedWebhook, { webhook: StoredWebhook }>> {
  const result = await changeWebhook(webhooks, id, decide);
  switch (result.outcome) {
    case "missing":
      throw noSuchWebhook(id);
    case "busy":
      throw new CliError(`${id} is being changed by others all the time. Run the command again.`);
    default:
      return result;
  }
}

function noSuchWebhook(id: string): CliError {
  return new CliError(`There is no webhook ${escapeControlChars(id)}; see \`parley webhook list\`.`);
}
