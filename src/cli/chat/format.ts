import type { Message } from "../../client/connect.ts";
import { escapeControlChars, escapedLines } from "../../core/escape-control-chars.ts";
import { formatDuration } from "../../core/session/effects.ts";
import { describeClose } from "../../protocol/close-codes.ts";
import type { ChatEvent, StatusEvent } from "./chat-event.ts";

/** Colours a text, or leaves it as it is where nobody wants colours. */
export type Style = (format: "dim" | "bold" | "yellow" | "red", text: string) => string;

/** What is told, in words: `data` was asked for or said by somebody, `talk` is about it. */
export interface FormattedLines {
  readonly data?: readonly string[];
  readonly talk?: readonly string[];
}

/** How the two sorts of words are coloured: they may go to different places. */
export type Styles = Readonly<Record<keyof FormattedLines, Style>>;

/** The words for what is told. `now` is milliseconds since 1970; `person`: somebody sits there, and types. */
export function formatEvent(
  event: ChatEvent,
  styles: Styles,
  now: number,
  interactive: boolean,
): FormattedLines {
  const dim = (text: string): FormattedLines => ({ talk: [styles.talk("dim", text)] });
  const warn = (text: string): FormattedLines => ({ talk: [styles.talk("yellow", text)] });
  switch (event.type) {
    case "message":
      // What was just typed stands there already; its ack says the number.
      return event.own && interactive ? {} : { data: messageLines(event, styles.data) };
    case "ack":
      return interactive ? dim(formatAck(event)) : {};
    case "refused":
      return { talk: [styles.talk("red", formatRefusal(event))] };
    case "presence":
      return dim(
        `${escapeControlChars(event.user)} ${event.state === "joined" ? "is here now" : "has left"}`,
      );
    case "typing":
    case "read":
      return {};
    case "warning":
      return warn(`warning: ${escapeControlChars(event.message)}`);
    case "welcome":
      return dim(formatWelcome(event, interactive));
    case "history":
      return { data: event.messages.flatMap((message) => messageLines(message, styles.data)) };
    case "present":
      return {
        data: event.present.map(
          ({ user, since, read }) =>
            `${escapeControlChars(user)}, here since ${clockTime(since)}${read === undefined ? "" : `, has read up to #${read}`}`,
        ),
      };
    case "quota":
      return { data: [formatQuota(event)] };
    case "pong":
      return { data: [`answered after ${formatTime(event.milliseconds)}`] };
    case "fault":
      return dim(`asked of the server: ${escapeControlChars(JSON.stringify(event.fault))}`);
    case "over_quota":
      return warn(
        `all ${event.limit} requests of this hour are used: what waits is sent again in ${formatDuration(event.retry_after * 1000)}`,
      );
    case "lost":
      return warn(formatLost(event));
    case "resumed":
      return dim(formatReturn(event));
    case "status":
      return formatStatus(event, now, interactive, dim, warn);
    default:
      return event satisfies never;
  }
}

/** `#42 12:03:55 ann: hello`; further lines of the text stand below its first, where no line of another begins. */
function messageLines({ seq, at, from, text, data }: Message, style: Style): readonly string[] {
  const head = `#${seq} ${clockTime(at)} `;
  const name = escapeControlChars(from);
  // Of a message of data alone, the data is what was said.
  const [first = "", ...rest] = escapedLines(text === "" && data !== undefined ? JSON.stringify(data) : text);
  const indent = " ".repeat(head.length + name.length + 2);
  return [
    `${style("dim", head.trimEnd())} ${style("bold", `${name}:`)} ${first}`,
    ...rest.map((line) => indent + line),
  ];
}

function formatAck({ seq, duplicate, milliseconds: time, quota }: ChatEvent & { type: "ack" }): string {
  const left = quota === null ? "" : `; ${quota.remaining} of ${quota.limit} requests left`;
  return `#${seq} ${duplicate ? "was stored before" : "stored"} after ${formatTime(time)}${left}`;
}

function formatRefusal({ id, code, message }: ChatEvent & { type: "refused" }): string {
  return `${id === undefined ? "error" : "not said"}: ${escapeControlChars(message)}${code === "failed" ? "" : ` (${escapeControlChars(code)})`}`;
}

function formatWelcome(
  { user, conversation, seq, plan, quota, present }: ChatEvent & { type: "welcome" },
  interactive: boolean,
): string {
  const others = present
    .map((one) => escapeControlChars(one.user))
    .filter((name) => name !== escapeControlChars(user));
  const here = others.length === 0 ? "nobody else is here" : `here: ${formatNames(others)}`;
  const left =
    quota === null
      ? `plan ${escapeControlChars(plan)}`
      : `${quota.remaining} of ${quota.limit} requests left (${escapeControlChars(plan)})`;
  const said = seq === 0 ? "nothing was said yet" : `#${seq} was the last message`;
  return `${escapeControlChars(user)} in ${escapeControlChars(conversation)}; ${said}; ${here}; ${left}${interactive ? "; /help" : ""}`;
}

function formatNames(names: readonly string[]): string {
  return names.length > 8
    ? `${names.slice(0, 7).join(", ")} and ${names.length - 7} others`
    : names.join(", ");
}

function formatQuota({ plan, quota }: ChatEvent & { type: "quota" }): string {
  if (quota === null) return `the plan ${escapeControlChars(plan)} is without limit`;
  const { limit, remaining, reset } = quota;
  const again =
    remaining === limit
      ? ""
      : `; all ${limit} again in ${formatDuration(reset * 1000)} if nothing more is sent`;
  return `${remaining} of ${limit} requests left in this hour (plan ${plan})${again}`;
}

function formatLost(event: ChatEvent & { type: "lost" }): string {
  if ("epoch" in event)
    return "the server's store is another one now: what was said meanwhile cannot be known";
  const { first, last } = event;
  return first === last
    ? `#${first} is lost: the server no longer has it`
    : `#${first} to #${last} are lost: the server no longer has them`;
}

function formatReturn({ caught_up, lost, milliseconds: away }: ChatEvent & { type: "resumed" }): string {
  const came =
    caught_up === 0
      ? "nothing was said meanwhile"
      : `${caught_up} message${caught_up === 1 ? "" : "s"} caught up with`;
  return `back after ${formatDuration(away)}: ${came}${lost ? "" : ", nothing is lost"}`;
}

function formatStatus(
  { state, previous, reason = "", until = 0, code = 0, advice }: StatusEvent,
  now: number,
  interactive: boolean,
  dim: (text: string) => FormattedLines,
  loud: (text: string) => FormattedLines,
): FormattedLines {
  switch (state) {
    case "waiting":
      return loud(
        `no connection (${escapeControlChars(reason)}); next try in ${formatDuration(Math.max(0, until - now))}`,
      );
    case "degraded":
      return loud(`the server's store is away (${escapeControlChars(reason)}): what you say waits`);
    case "closed": {
      if (code === 1000) return dim("closed");
      const next =
        advice === "reconnect"
          ? "what you say next, or /reconnect, opens it again"
          : "/reconnect tries again";
      const words = `closed with ${code}, ${escapeControlChars(reason)}. ${describeClose(code).advice}`;
      return loud(interactive ? `${words} (${next}, /quit leaves)` : words);
    }
    default:
      return state === "live" && previous === "degraded" ? dim("the server's store is back") : {};
  }
}

/** The hour, minute and second of a moment, here. */
function clockTime(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}

/** `0.8 ms`, `12 ms`, `1.5 s` */
function formatTime(time: number): string {
  return time < 10 ? `${time.toFixed(1)} ms` : formatDuration(time);
}
