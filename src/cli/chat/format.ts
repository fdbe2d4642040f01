import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { formatDuration } from "../../core/session/effects.ts";
import { describeClose } from "../../protocol/close-codes.ts";
import type { ChatEvent, StatusEvent } from "./chat-event.ts";
import { changeLines, clockTime, messageLines, type Style } from "./message-lines.ts";

/** An event as text: `data` are messages and requested data, `talk` is status. */
export interface FormattedLines {
  readonly data?: readonly string[];
  readonly talk?: readonly string[];
}

/** The styles of both kinds of lines, which may go to different streams. */
export type Styles = Readonly<Record<keyof FormattedLines, Style>>;

/** Formats an event. `now` is in milliseconds since 1970; `interactive`: a person types on a terminal. */
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
      // A message that was just typed is already on the screen; its ack shows the seq.
      return event.own && interactive ? {} : { data: messageLines(event, styles.data) };
    case "change":
      return { data: changeLines(event, styles.data) };
    case "ack":
      return interactive ? dim(formatAck(event)) : {};
    case "refused":
      return { talk: [styles.talk("red", formatRefusal(event))] };
    case "presence":
      return dim(`${escapeControlChars(event.user)} ${event.state === "joined" ? "joined" : "left"}`);
    case "presence_count":
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
        data: [
          ...event.present.map(
            ({ user, since, read }) =>
              `${escapeControlChars(user)}, present since ${clockTime(since)}${read === undefined ? "" : `, read up to #${read}`}`,
          ),
          ...(event.present_count === undefined
            ? []
            : [`and more: ${event.present_count} users are present`]),
        ],
      };
    case "quota":
      return { data: [formatQuota(event)] };
    case "pong":
      return { data: [`the server replied after ${formatTime(event.milliseconds)}`] };
    case "fault":
      return dim(`fault requested: ${escapeControlChars(JSON.stringify(event.fault))}`);
    case "over_quota":
      return warn(
        `all ${event.limit} requests of this hour are used: pending messages are sent again in ${formatDuration(event.retry_after * 1000)}`,
      );
    case "lost":
      return warn(formatLost(event));
    case "resumed":
      return dim(formatResumed(event));
    case "status":
      return formatStatus(event, now, interactive, dim, warn);
    default:
      return event satisfies never;
  }
}

function formatAck(event: ChatEvent & { type: "ack" }): string {
  const { seq, change, duplicate, milliseconds: time, quota } = event;
  const left = quota === null ? "" : `; ${quota.remaining} of ${quota.limit} requests left`;
  const what =
    change === undefined
      ? duplicate
        ? "already stored"
        : "stored"
      : duplicate
        ? "was not changed: it is already as you want it, nothing was charged"
        : "changed";
  return `#${seq} ${what}, ack after ${formatTime(time)}${left}`;
}

function formatRefusal({ id, change, seq, code, message }: ChatEvent & { type: "refused" }): string {
  const what = change !== undefined ? `#${seq} not changed` : id === undefined ? "error" : "not sent";
  return `${what}: ${escapeControlChars(message)}${code === "failed" ? "" : ` (${escapeControlChars(code)})`}`;
}

function formatWelcome(
  { user, conversation, seq, plan, quota, present, present_count: count }: ChatEvent & { type: "welcome" },
  interactive: boolean,
): string {
  const others = present
    .map((one) => escapeControlChars(one.user))
    .filter((name) => name !== escapeControlChars(user));
  const presence =
    count !== undefined
      ? `${count} users present`
      : others.length === 0
        ? "no other users present"
        : `present: ${formatNames(others)}`;
  const left =
    quota === null
      ? `plan ${escapeControlChars(plan)}`
      : `${quota.remaining} of ${quota.limit} requests left (${escapeControlChars(plan)})`;
  const newest = seq === 0 ? "no messages yet" : `last message #${seq}`;
  return `${escapeControlChars(user)} in ${escapeControlChars(conversation)}; ${newest}; ${presence}; ${left}${interactive ? "; /help for commands" : ""}`;
}

function formatNames(names: readonly string[]): string {
  return names.length > 8
    ? `${names.slice(0, 7).join(", ")} and ${names.length - 7} others`
    : names.join(", ");
}

function formatQuota({ plan, quota }: ChatEvent & { type: "quota" }): string {
  if (quota === null) return `the plan ${escapeControlChars(plan)} has no limit`;
  const { limit, remaining, reset } = quota;
  const again =
    remaining === limit
      ? ""
      : `; all ${limit} available again in ${formatDuration(reset * 1000)} if no more are used`;
  return `${remaining} of ${limit} requests left in this hour (plan ${plan})${again}`;
}

function formatLost(event: ChatEvent & { type: "lost" }): string {
  if ("epoch" in event) return "the server's store lost data or was restored: messages may be missing";
  const { first, last } = event;
  return first === last
    ? `#${first} is lost: the server no longer stores it`
    : `#${first} to #${last} are lost: the server no longer stores them`;
}

function formatResumed({ caught_up, lost, milliseconds }: ChatEvent & { type: "resumed" }): string {
  const missed =
    caught_up === 0
      ? "no missed messages"
      : `${caught_up} missed message${caught_up === 1 ? "" : "s"} received`;
  return `reconnected after ${formatDuration(milliseconds)}: ${missed}${lost ? "" : ", none lost"}`;
}

function formatStatus(
  { state, previous, reason = "", until = 0, code = 0, advice: remedy }: StatusEvent,
  now: number,
  interactive: boolean,
  dim: (text: string) => FormattedLines,
  warn: (text: string) => FormattedLines,
): FormattedLines {
  switch (state) {
    case "waiting":
      return warn(
        `disconnected (${escapeControlChars(reason)}); next attempt in ${formatDuration(Math.max(0, until - now))}`,
      );
    case "degraded":
      return warn(`the server's store is unavailable (${escapeControlChars(reason)}): your messages wait`);
    case "closed": {
      if (code === 1000) return dim("closed");
      const next =
        remedy === "reconnect"
          ? "your next message, or /reconnect, opens it again"
          : "/reconnect tries again";
      const advice = typeof code === "number" ? ` ${describeClose(code).advice}` : "";
      const text = `closed with ${code}, ${escapeControlChars(reason)}.${advice}`;
      return warn(interactive ? `${text} (${next}, /quit exits)` : text);
    }
    default:
      return state === "live" && previous === "degraded" ? dim("the server's store is available again") : {};
  }
}

/** Returns a duration such as `0.8 ms`, `12 ms`, `1.5 s`. */
function formatTime(time: number): string {
  return time < 10 ? `${time.toFixed(1)} ms` : formatDuration(time);
}
