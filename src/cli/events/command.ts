import { Command } from "commander";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { readOperatorKey } from "../server/operator-key.ts";
import { fetchServer, readJsonObject } from "../server/sign-in.ts";
import { loadTarget, type Target } from "../server/target.ts";
import { print, printJson, printNote } from "../terminal/print.ts";

interface EventsFlags {
  readonly url?: string;
  readonly context?: string;
  readonly follow?: boolean;
  readonly types?: string;
  readonly conversation?: string[];
  readonly after?: string;
  readonly json?: boolean;
}

/** An event as it is on the wire. */
interface WireEvent extends Readonly<Record<string, unknown>> {
  readonly type: string;
  readonly at: number;
  readonly conversation?: string;
  readonly user?: string;
}

interface EventsAnswer {
  readonly events: readonly WireEvent[];
  readonly more: boolean;
  readonly position: string;
}

const NOTE = `
The API key, which needs the right read, comes from PARLEY_API_KEY. The last line, on standard error, is the position to go
on from with --after.

  PARLEY_API_KEY=pk_… parley events --types message.created,member.*
  PARLEY_API_KEY=pk_… parley events --follow --conversation 'team-*' --json`;

/** How long one request of --follow waits, in seconds: shorter than a command waits for an answer. */
const WAIT_S = 10;
/** How long --follow waits before it asks a server again that does not answer, in milliseconds. */
const RETRY_MS = 1_000;
const MAX_LIMIT = 1_000;
/** The most characters of a text in a line. */
const MAX_TEXT = 100;

/** `parley events`: lists what happened in all conversations, or follows it. */
export function eventsCommand(): Command {
  return new Command("events")
    .description("list what happened in all conversations, or follow it")
    .option("--follow", "go on with what happens from now on")
    .option("--types <list>", "only these types, such as message.created,member.*")
    .option("--conversation <pattern>", "only this conversation, or a beginning with *; repeatable", collect)
    .option("--after <position>", "begin after this position; 0 is the oldest event that is kept")
    .option("--json", "print each event as a line of JSON")
    .option("--url <address>", "the server (default: PARLEY_URL, or the selected context)")
    .option("--context <context>", "use the server of this context")
    .addHelpText("after", NOTE)
    .action(events);
}

function collect(value: string, earlier: string[] = []): string[] {
  return [...earlier, value];
}

async function events({ follow = false, json = false, ...flags }: EventsFlags): Promise<void> {
  const key = readOperatorKey();
  if (!key) throw new UsageError("Set PARLEY_API_KEY to an API key with the right read.");
  const { url, context } = flags;
  const target = loadTarget({ ...(url !== undefined && { url }), ...(context !== undefined && { context }) });
  const query = new URLSearchParams({ limit: String(MAX_LIMIT) });
  if (flags.types !== undefined) query.set("types", flags.types);
  for (const pattern of flags.conversation ?? []) query.append("conversation", pattern);
  let position = flags.after ?? (follow ? undefined : "0");
  for (let more = true; more || follow; ) {
    if (position !== undefined) query.set("after", position);
    if (follow && position !== undefined) query.set("wait", String(WAIT_S));
    const answer = await ask(target, key, query, follow && position !== undefined);
    if (answer === undefined) continue;
    for (const event of answer.events) {
      if (json) printJson(event);
      else print(formatEvent(event));
    }
    ({ position, more } = answer);
  }
  printNote(`Position: ${position}`);
}

/** Asks for a page. With `patient`, waits and returns undefined when the server is away: it may be started again. */
async function ask(
  target: Target,
  key: string,
  query: URLSearchParams,
  patient: boolean,
): Promise<EventsAnswer | undefined> {
  const headers = { Authorization: `Bearer ${key}` };
  try {
    const response = await fetchServer(target, `/events?${query}`, { headers });
    const body = await readJsonObject(response);
    if (response.ok) return body as unknown as EventsAnswer;
    if (!patient || response.status < 500) {
      const detail = typeof body.detail === "string" ? body.detail : `status ${response.status}`;
      throw new Rejected(`The request was rejected: ${detail}`);
    }
  } catch (error) {
    if (!patient || error instanceof Rejected) throw error;
    printNote(`${error instanceof Error ? escapeControlChars(error.message) : error} Trying again …`);
  }
  await Bun.sleep(RETRY_MS);
  return undefined;
}

class Rejected extends CliError {}

/** An event as one line. What users wrote is escaped, and cut where it is long. */
export function formatEvent(event: WireEvent): string {
  const { type, at, conversation, user } = event;
  const parts = [new Date(at).toISOString(), type.padEnd(18), conversation ?? "–", user ?? "–", about(event)];
  return parts
    .filter((part) => part !== "")
    .map((part) => escapeControlChars(part))
    .join("  ");
}

/** What a line says of an event besides its type, place and user. */
function about(event: WireEvent): string {
  const {
    message,
    reaction,
    stream,
    read,
    member,
    facts,
    quota,
    events: lost,
  } = event as {
    message?: { seq: number; text?: string; data?: object; gone?: string };
    reaction?: { reaction: string; on: boolean };
    stream?: { state?: string };
    read?: { seq: number };
    member?: { role?: string; by?: string; until?: number };
    facts?: { title?: string; access?: string };
    quota?: { limit: number };
    events?: { since: number; until: number };
  };
  const said: string[] = [];
  if (reaction !== undefined) said.push(`${reaction.on ? "+" : "−"}${reaction.reaction}`);
  if (stream?.state !== undefined) said.push(stream.state);
  if (message !== undefined)
    said.push(`#${message.seq} ${message.gone ? `(${message.gone})` : contentOf(message)}`);
  if (read !== undefined) said.push(`up to #${read.seq}`);
  if (member?.role !== undefined) said.push(member.role);
  if (member?.until !== undefined) said.push(`until ${new Date(member.until).toISOString()}`);
  if (member?.by !== undefined) said.push(`by ${member.by}`);
  if (facts?.title !== undefined) said.push(cut(facts.title));
  if (quota !== undefined) said.push(`${quota.limit} an hour`);
  if (lost !== undefined)
    said.push(`between ${new Date(lost.since).toISOString()} and ${new Date(lost.until).toISOString()}`);
  return said.join("  ");
}

/** The text of a message; of one without text its data. */
function contentOf({ text, data }: { readonly text?: string; readonly data?: object }): string {
  return cut(text || data === undefined ? text : JSON.stringify(data));
}

function cut(text = ""): string {
  const characters = [...text];
  return characters.length <= MAX_TEXT ? text : `${characters.slice(0, MAX_TEXT).join("")}…`;
}
