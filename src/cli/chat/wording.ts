import type { Message } from "../../client/connect.ts";
import { escapeControlChars, escapedLines } from "../../core/harmless.ts";
import { formatDuration } from "../../core/session-effects.ts";
import { describeClose } from "../../protocol/close-codes.ts";
import type { Status, Told } from "./told.ts";

/** Colours a text, or leaves it as it is where nobody wants colours. */
export type Style = (format: "dim" | "bold" | "yellow" | "red", text: string) => string;

/** What is told, in words: `data` was asked for or said by somebody, `talk` is about it. */
export interface Words {
  readonly data?: readonly string[];
  readonly talk?: readonly string[];
}

/** How the two sorts of words are coloured: they may go to different places. */
export type Styles = Readonly<Record<keyof Words, Style>>;

/** The words for what is told. `now` is milliseconds since 1970; `person`: somebody sits there, and types. */
export function wordsFor(told: Told, styles: Styles, now: number, person: boolean): Words {
  const dim = (text: string): Words => ({ talk: [styles.talk("dim", text)] });
  const loud = (text: string): Words => ({ talk: [styles.talk("yellow", text)] });
  switch (told.type) {
    case "message":
      // What was just typed stands there already; its ack says the number.
      return told.own && person ? {} : { data: messageLines(told, styles.data) };
    case "ack":
      return person ? dim(ackWords(told)) : {};
    case "refused":
      return { talk: [styles.talk("red", refusalWords(told))] };
    case "presence":
      return dim(`${escapeControlChars(told.user)} ${told.state === "joined" ? "is here now" : "has left"}`);
    case "typing":
    case "read":
      return {};
    case "warning":
      return loud(`warning: ${escapeControlChars(told.message)}`);
    case "welcome":
      return dim(welcomeWords(told, person));
    case "history":
      return { data: told.messages.flatMap((message) => messageLines(message, styles.data)) };
    case "present":
      return {
        data: told.present.map(
          ({ user, since, read }) =>
            `${escapeControlChars(user)}, here since ${clockTime(since)}${read === undefined ? "" : `, has read up to #${read}`}`,
        ),
      };
    case "quota":
      return { data: [quotaWords(told)] };
    case "pong":
      return { data: [`answered after ${milliseconds(told.milliseconds)}`] };
    case "fault":
      return dim(`asked of the server: ${escapeControlChars(JSON.stringify(told.fault))}`);
    case "over_quota":
      return loud(
        `all ${told.limit} requests of this hour are used: what waits is sent again in ${formatDuration(told.retry_after * 1000)}`,
      );
    case "lost":
      return loud(lostWords(told));
    case "resumed":
      return dim(backWords(told));
    case "status":
      return statusWords(told, now, person, dim, loud);
    default:
      return told satisfies never;
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

function ackWords({ seq, duplicate, milliseconds: time, quota }: Told & { type: "ack" }): string {
  const left = quota === null ? "" : `; ${quota.remaining} of ${quota.limit} requests left`;
  return `#${seq} ${duplicate ? "was stored before" : "stored"} after ${milliseconds(time)}${left}`;
}

function refusalWords({ id, code, message }: Told & { type: "refused" }): string {
  return `${id === undefined ? "error" : "not said"}: ${escapeControlChars(message)}${code === "failed" ? "" : ` (${escapeControlChars(code)})`}`;
}

function welcomeWords(
  { user, conversation, seq, plan, quota, present }: Told & { type: "welcome" },
  person: boolean,
): string {
  const others = present
    .map((one) => escapeControlChars(one.user))
    .filter((name) => name !== escapeControlChars(user));
  const here = others.length === 0 ? "nobody else is here" : `here: ${listed(others)}`;
  const left =
    quota === null
      ? `plan ${escapeControlChars(plan)}`
      : `${quota.remaining} of ${quota.limit} requests left (${escapeControlChars(plan)})`;
  const said = seq === 0 ? "nothing was said yet" : `#${seq} was the last message`;
  return `${escapeControlChars(user)} in ${escapeControlChars(conversation)}; ${said}; ${here}; ${left}${person ? "; /help" : ""}`;
}

function listed(names: readonly string[]): string {
  return names.length > 8
    ? `${names.slice(0, 7).join(", ")} and ${names.length - 7} others`
    : names.join(", ");
}

function quotaWords({ plan, quota }: Told & { type: "quota" }): string {
  if (quota === null) return `the plan ${escapeControlChars(plan)} is without limit`;
  const { limit, remaining, reset } = quota;
  const again =
    remaining === limit
      ? ""
      : `; all ${limit} again in ${formatDuration(reset * 1000)} if nothing more is sent`;
  return `${remaining} of ${limit} requests left in this hour (plan ${plan})${again}`;
}

function lostWords(told: Told & { type: "lost" }): string {
  if ("epoch" in told)
    return "the server's store is another one now: what was said meanwhile cannot be known";
  const { first, last } = told;
  return first === last
    ? `#${first} is lost: the server no longer has it`
    : `#${first} to #${last} are lost: the server no longer has them`;
}

function backWords({ caught_up, lost, milliseconds: away }: Told & { type: "resumed" }): string {
  const came =
    caught_up === 0
      ? "nothing was said meanwhile"
      : `${caught_up} message${caught_up === 1 ? "" : "s"} caught up with`;
  return `back after ${formatDuration(away)}: ${came}${lost ? "" : ", nothing is lost"}`;
}

function statusWords(
  { state, was, reason = "", until = 0, code = 0, advice }: Status,
  now: number,
  person: boolean,
  dim: (text: string) => Words,
  loud: (text: string) => Words,
): Words {
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
      return loud(person ? `${words} (${next}, /quit leaves)` : words);
    }
    default:
      return state === "live" && was === "degraded" ? dim("the server's store is back") : {};
  }
}

/** The hour, minute and second of a moment, here. */
function clockTime(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}

/** `0.8 ms`, `12 ms`, `1.5 s` */
function milliseconds(time: number): string {
  return time < 10 ? `${time.toFixed(1)} ms` : formatDuration(time);
}
