import type { Conversation, Parley, Position, State } from "../../client/connect.ts";
import { ParleyError } from "../../client/connect.ts";
import { REPLY_TIMEOUT_MS } from "../../client/options.ts";
import { errorLines } from "../cli-error.ts";
import { fetchPlanUsage, requestFault } from "../server/server-api.ts";
import type { Credential } from "../server/sign-in.ts";
import type { Target } from "../server/target.ts";
import { type ChatEvent, statusEvent } from "./chat-event.ts";
import { COMMAND_HELP, type Input } from "./parse-input.ts";

export interface ChatSessionDeps {
  readonly parley: Parley;
  readonly target: Target;
  readonly credential: Credential;
  readonly conversation: string;
  /** The position to start after; default: new messages only. */
  readonly from?: Position | undefined;
  /** How many of the newest messages are emitted first; not together with `from`. */
  readonly last?: number | undefined;
  /** Called with each event. */
  readonly emit: (event: ChatEvent) => void;
  /** Called with lines that are for people only. */
  readonly note: (...lines: readonly string[]) => void;
  /** How long after sending a missing ack is noted, in milliseconds; default 5,000. */
  readonly ackNoticeMs?: number;
}

/** One conversation of a chat: emits its events, and executes typed input. */
export interface ChatSession {
  readonly conversation: Conversation;
  /** Sends a text; resolves with false if it was rejected, which is also emitted. */
  send(text: string): Promise<boolean>;
  /** Executes typed input, except `/quit`. Never throws: errors are emitted. */
  execute(input: Input): Promise<void>;
}

export function openChatSession(deps: ChatSessionDeps): ChatSession {
  const { parley, target, credential, emit, note, ackNoticeMs = 5_000, ...rest } = deps;
  const { from, last } = rest;
  const conversation = parley.conversation(rest.conversation, { from, last });
  /** Ids of messages that this program sent, until they arrive as a message. */
  const own = new Set<string>();

  /** Whether the quota is used up, which has been emitted. */
  let isOverQuota = false;
  conversation.on("quota", (quota) => {
    const retry_after = quota?.retry_after;
    isOverQuota = retry_after !== undefined;
  });

  emitEvents(conversation, own, emit);

  /** The number of users as a large conversation sent it last; 0 where the list has all of them. */
  let presentCount: number | undefined;
  conversation.on("presence_count", ({ count, present }) => {
    presentCount = present === undefined ? count : 0;
  });

  /** Explains a missing ack: on an open connection a lost ack (/fault lose ack) is awaited longer than a person expects. */
  function notePendingAck(id: string): void {
    const isNext = conversation.pending[0]?.id === id;
    if (isNext && conversation.status.state === "live" && !isOverQuota)
      note(
        `no ack for your message yet; after ${REPLY_TIMEOUT_MS / 1000} s, or if the connection is lost, it is sent again, and stored once`,
      );
  }

  async function send(text: string): Promise<boolean> {
    // Closed by /close. After 4408 the library itself opens the conversation.
    if (conversation.status.state === "closed" && conversation.status.code === 1000) conversation.reconnect();
    const began = performance.now();
    const sending = conversation.send(text);
    own.add(sending.id);
    const ackTimer = setTimeout(notePendingAck, ackNoticeMs, sending.id);
    try {
      const ack = await sending;
      emit({ type: "ack", ...ack, milliseconds: roundMs(performance.now() - began) });
      return true;
    } catch (error) {
      own.delete(sending.id);
      emitRefusal(error, sending.id);
      return false;
    } finally {
      clearTimeout(ackTimer);
    }
  }

  function emitRefusal(error: unknown, id?: string): void {
    const code = error instanceof ParleyError ? error.code : "failed";
    emit({ type: "refused", ...(id !== undefined && { id }), code, message: errorLines(error).join(" ") });
  }

  async function execute(input: Exclude<Input, { kind: "send" }>): Promise<void> {
    switch (input.kind) {
      case "who":
        return emit({
          type: "present",
          ...presentUsers(conversation, presentCount ?? countOf(conversation)),
        });
      case "quota": {
        const { plan, quota } = await fetchPlanUsage(target, credential);
        return emit({ type: "quota", plan, quota });
      }
      case "history": {
        const { messages, more } = await conversation.history({ limit: input.limit });
        return emit({ type: "history", messages, more });
      }
      case "ping":
        return emit({ type: "pong", milliseconds: roundMs(await conversation.ping()) });
      case "typing":
        return conversation.typing(input.active);
      case "close":
        return conversation.close();
      case "reconnect":
        return conversation.reconnect();
      case "fault": {
        const { fault } = input;
        await requestFault(target, credential, conversation.welcome?.connection ?? "", fault);
        return emit({ type: "fault", fault });
      }
      case "help":
        return note(...COMMAND_HELP.split("\n"));
      case "invalid":
        return note(input.why);
      case "nothing":
      case "quit":
        return;
      default:
        input satisfies never;
    }
  }

  return {
    conversation,
    send,
    async execute(input) {
      try {
        if (input.kind === "send") await send(input.text);
        else await execute(input);
      } catch (error) {
        emitRefusal(error);
      }
    },
  };
}

/** Rounds to microseconds, the resolution of the clock. */
function roundMs(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

/** Returns the number of users in `welcome`, if its list had only some of them; else 0. */
function countOf({ welcome }: Conversation): number {
  if (welcome === undefined || welcome.present_count <= welcome.present.length) return 0;
  return welcome.present_count;
}

/** Returns the present users, and their number `count` where the list has only some of them. */
function presentUsers(
  { present }: Conversation,
  count: number,
): Pick<ChatEvent & { type: "welcome" }, "present" | "present_count"> {
  return { present: [...present], ...(count > present.length && { present_count: count }) };
}

/** Emits the library's events, and those derived from them: `welcome` and `resumed`. */
function emitEvents(conversation: Conversation, own: Set<string>, emit: (event: ChatEvent) => void): void {
  let previous: State["state"] | undefined;
  let isWelcomed = false;
  let isJoining = false;
  let disconnectedAt: number | undefined;
  let caughtUp = 0;
  let lost = false;

  function emitConnected(state: State["state"]): void {
    const isConnected = state === "live" || state === "resuming" || state === "degraded";
    if (!isConnected) {
      if (isWelcomed) disconnectedAt ??= performance.now();
      return;
    }
    if (!isWelcomed) {
      isWelcomed = true;
      const { user, conversation: id, seq, plan, quota } = conversation.welcome!;
      const users = presentUsers(conversation, countOf(conversation));
      emit({ type: "welcome", user, conversation: id, seq, plan, quota, ...users });
      // Users who were already present have not just joined.
      isJoining = true;
      queueMicrotask(() => {
        isJoining = false;
      });
    }
    if (disconnectedAt === undefined || state === "resuming") return;
    emit({
      type: "resumed",
      caught_up: caughtUp,
      lost,
      milliseconds: Math.round(performance.now() - disconnectedAt),
    });
    disconnectedAt = undefined;
    caughtUp = 0;
    lost = false;
  }

  conversation.on("status", (state) => {
    emit(statusEvent(state, previous));
    previous = state.state;
    emitConnected(state.state);
  });
  conversation.on("history", (page) => emit({ type: "history", ...page }));
  conversation.on("message", (message) => {
    if (disconnectedAt !== undefined) caughtUp++;
    const isOwn = message.from === conversation.user && own.delete(message.id);
    emit({ type: "message", ...message, ...(isOwn && { own: true }) });
  });
  conversation.on("lost", (what) => {
    lost ||= disconnectedAt !== undefined;
    emit({ type: "lost", ...what });
  });
  conversation.on("presence", (presence) => {
    if (!isJoining) emit({ type: "presence", ...presence });
  });
  conversation.on("presence_count", ({ count }) => emit({ type: "presence_count", count }));
  conversation.on("typing", (typing) => emit({ type: "typing", ...typing }));
  conversation.on("read", (read) => emit({ type: "read", ...read }));
  conversation.on("warning", (warning) => emit({ type: "warning", ...warning }));
  conversation.on("quota", (quota) => {
    if (quota?.retry_after === undefined) return;
    const { retry_after, limit } = quota;
    emit({ type: "over_quota", retry_after, limit });
  });
  conversation.on("error", ({ code, message }) => emit({ type: "refused", code, message }));
}
