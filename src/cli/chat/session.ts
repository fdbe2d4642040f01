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
  /** Where to begin; without it, with what is said from now on. */
  readonly from?: Position | undefined;
  /** How many of the newest messages are told first; not together with `from`. */
  readonly last?: number | undefined;
  /** Hears everything that happens. */
  readonly emit: (told: ChatEvent) => void;
  /** Hears what is meant for people only. */
  readonly note: (...lines: readonly string[]) => void;
  /** How long after a text was said nobody wonders where its ack is, in milliseconds; 5,000 without it. */
  readonly ackNoticeMs?: number;
}

/** One conversation of a chat: what happens in it is told, and what is typed is done. */
export interface ChatSession {
  readonly conversation: Conversation;
  /** Says a text; false when it was refused, which has been told. */
  send(text: string): Promise<boolean>;
  /** Does what was typed, `/quit` aside. Never throws: what goes wrong is told. */
  execute(input: Input): Promise<void>;
}

export function openChatSession(deps: ChatSessionDeps): ChatSession {
  const { parley, target, credential, emit: tell, note, ackNoticeMs: patience = 5_000, ...rest } = deps;
  const { from, last } = rest;
  const conversation = parley.conversation(rest.conversation, { from, last });
  /** Names of what this program said, until it has come back as a message. */
  const own = new Set<string>();

  /** Whether the plan has no room, which has been told. */
  let isOverQuota = false;
  conversation.on("quota", (quota) => {
    const retry_after = quota?.retry_after;
    isOverQuota = retry_after !== undefined;
  });

  emitEvents(conversation, own, tell);

  /** On a line that holds, an ack that got lost (/fault lose ack) is waited for longer than a person does. */
  function notePendingAck(id: string): void {
    const isNext = conversation.pending[0]?.id === id;
    if (isNext && conversation.status.state === "live" && !isOverQuota)
      note(
        `no ack yet of what you said; if the connection breaks, and after ${REPLY_TIMEOUT_MS / 1000} s, it is sent again, and stored once`,
      );
  }

  async function send(text: string): Promise<boolean> {
    // Left by hand; 4408 is opened by the library itself.
    if (conversation.status.state === "closed" && conversation.status.code === 1000) conversation.reconnect();
    const began = performance.now();
    const sending = conversation.send(text);
    own.add(sending.id);
    const ackTimer = setTimeout(notePendingAck, patience, sending.id);
    try {
      const ack = await sending;
      tell({ type: "ack", ...ack, milliseconds: roundMs(performance.now() - began) });
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
    tell({ type: "refused", ...(id !== undefined && { id }), code, message: errorLines(error).join(" ") });
  }

  async function execute(input: Exclude<Input, { kind: "say" }>): Promise<void> {
    switch (input.kind) {
      case "who":
        return tell({ type: "present", present: conversation.present });
      case "quota": {
        const { plan, quota } = await fetchPlanUsage(target, credential);
        return tell({ type: "quota", plan, quota });
      }
      case "history": {
        const { messages, more } = await conversation.history({ limit: input.limit });
        return tell({ type: "history", messages, more });
      }
      case "ping":
        return tell({ type: "pong", milliseconds: roundMs(await conversation.ping()) });
      case "typing":
        return conversation.typing(input.active);
      case "leave":
        return conversation.close();
      case "reconnect":
        return conversation.reconnect();
      case "fault": {
        const { fault } = input;
        await requestFault(target, credential, conversation.welcome?.connection ?? "", fault);
        return tell({ type: "fault", fault });
      }
      case "help":
        return note(...COMMAND_HELP.split("\n"));
      case "wrong":
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
        if (input.kind === "say") await send(input.text);
        else await execute(input);
      } catch (error) {
        emitRefusal(error);
      }
    },
  };
}

/** To the microsecond: a clock shows no more. */
function roundMs(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

/** Tells what the library tells, and what follows from it: how it was to come in, and to come back. */
function emitEvents(conversation: Conversation, own: Set<string>, emit: (told: ChatEvent) => void): void {
  let was: State["state"] | undefined;
  let isWelcomed = false;
  let isJoining = false;
  let disconnectedAt: number | undefined;
  let caughtUp = 0;
  let lost = false;

  function emitReturn(at: State["state"]): void {
    const isConnected = at === "live" || at === "resuming" || at === "degraded";
    if (!isConnected) {
      if (isWelcomed) disconnectedAt ??= performance.now();
      return;
    }
    if (!isWelcomed) {
      isWelcomed = true;
      const { user, conversation: id, seq, plan, quota, present } = conversation.welcome!;
      emit({ type: "welcome", user, conversation: id, seq, plan, quota, present });
      // Who was there before has not come just now.
      isJoining = true;
      queueMicrotask(() => {
        isJoining = false;
      });
    }
    if (disconnectedAt === undefined || at === "resuming") return;
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
    emit(statusEvent(state, was));
    was = state.state;
    emitReturn(state.state);
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
