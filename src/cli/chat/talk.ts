import type { Conversation, Parley, Position, State } from "../../client/connect.ts";
import { ParleyError } from "../../client/connect.ts";
import { REPLY_TIMEOUT_MS } from "../../client/options.ts";
import { askAllowance, askFault } from "../asking.ts";
import { failureLines } from "../failure.ts";
import type { Credential } from "../sign-in.ts";
import type { Target } from "../target.ts";
import { COMMANDS, type Input } from "./input.ts";
import { statusOf, type Told } from "./told.ts";

export interface TalkParts {
  readonly parley: Parley;
  readonly target: Target;
  readonly credential: Credential;
  readonly conversation: string;
  /** Where to begin; without it, with what is said from now on. */
  readonly from?: Position | undefined;
  /** How many of the newest messages are told first; not together with `from`. */
  readonly last?: number | undefined;
  /** Hears everything that happens. */
  readonly tell: (told: Told) => void;
  /** Hears what is meant for people only. */
  readonly note: (...lines: readonly string[]) => void;
  /** How long after a text was said nobody wonders where its ack is, in milliseconds; 5,000 without it. */
  readonly patience?: number;
}

/** One conversation of a chat: what happens in it is told, and what is typed is done. */
export interface Talk {
  readonly conversation: Conversation;
  /** Says a text; false when it was refused, which has been told. */
  say(text: string): Promise<boolean>;
  /** Does what was typed, `/quit` aside. Never throws: what goes wrong is told. */
  carryOut(input: Input): Promise<void>;
}

export function openTalk(parts: TalkParts): Talk {
  const { parley, target, credential, tell, note, patience = 5_000, ...rest } = parts;
  const { from, last } = rest;
  const conversation = parley.conversation(rest.conversation, { from, last });
  /** Names of what this program said, until it has come back as a message. */
  const own = new Set<string>();

  /** Whether the plan has no room, which has been told. */
  let isPutOff = false;
  conversation.on("quota", (quota) => {
    const retry_after = quota?.retry_after;
    isPutOff = retry_after !== undefined;
  });

  tellEvents(conversation, own, tell);

  /** On a line that holds, an ack that got lost (/fault lose ack) is waited for longer than a person does. */
  function wonder(id: string): void {
    const isNext = conversation.pending[0]?.id === id;
    if (isNext && conversation.status.state === "live" && !isPutOff)
      note(
        `no ack yet of what you said; if the connection breaks, and after ${REPLY_TIMEOUT_MS / 1000} s, it is sent again, and stored once`,
      );
  }

  async function say(text: string): Promise<boolean> {
    // Left by hand; 4408 is opened by the library itself.
    if (conversation.status.state === "closed" && conversation.status.code === 1000) conversation.reconnect();
    const began = performance.now();
    const sending = conversation.send(text);
    own.add(sending.id);
    const wondering = setTimeout(wonder, patience, sending.id);
    try {
      const ack = await sending;
      tell({ type: "ack", ...ack, milliseconds: rounded(performance.now() - began) });
      return true;
    } catch (error) {
      own.delete(sending.id);
      tellRefusal(error, sending.id);
      return false;
    } finally {
      clearTimeout(wondering);
    }
  }

  function tellRefusal(error: unknown, id?: string): void {
    const code = error instanceof ParleyError ? error.code : "failed";
    tell({ type: "refused", ...(id !== undefined && { id }), code, message: failureLines(error).join(" ") });
  }

  async function answer(input: Exclude<Input, { do: "say" }>): Promise<void> {
    switch (input.do) {
      case "who":
        return tell({ type: "present", present: conversation.present });
      case "quota": {
        const { plan, quota } = await askAllowance(target, credential);
        return tell({ type: "quota", plan, quota });
      }
      case "history": {
        const { messages, more } = await conversation.history({ limit: input.limit });
        return tell({ type: "history", messages, more });
      }
      case "ping":
        return tell({ type: "pong", milliseconds: rounded(await conversation.ping()) });
      case "typing":
        return conversation.typing(input.active);
      case "leave":
        return conversation.close();
      case "reconnect":
        return conversation.reconnect();
      case "fault": {
        const { fault } = input;
        await askFault(target, credential, conversation.welcome?.connection ?? "", fault);
        return tell({ type: "fault", fault });
      }
      case "help":
        return note(...COMMANDS.split("\n"));
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
    say,
    async carryOut(input) {
      try {
        if (input.do === "say") await say(input.text);
        else await answer(input);
      } catch (error) {
        tellRefusal(error);
      }
    },
  };
}

/** To the microsecond: a clock shows no more. */
function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

/** Tells what the library tells, and what follows from it: how it was to come in, and to come back. */
function tellEvents(conversation: Conversation, own: Set<string>, tell: (told: Told) => void): void {
  let was: State["state"] | undefined;
  let isIn = false;
  let isEntering = false;
  let leftAt: number | undefined;
  let caughtUp = 0;
  let lost = false;

  function tellReturn(at: State["state"]): void {
    const isInTouch = at === "live" || at === "resuming" || at === "degraded";
    if (!isInTouch) {
      if (isIn) leftAt ??= performance.now();
      return;
    }
    if (!isIn) {
      isIn = true;
      const { user, conversation: id, seq, plan, quota, present } = conversation.welcome!;
      tell({ type: "welcome", user, conversation: id, seq, plan, quota, present });
      // Who was there before has not come just now.
      isEntering = true;
      queueMicrotask(() => {
        isEntering = false;
      });
    }
    if (leftAt === undefined || at === "resuming") return;
    tell({
      type: "resumed",
      caught_up: caughtUp,
      lost,
      milliseconds: Math.round(performance.now() - leftAt),
    });
    leftAt = undefined;
    caughtUp = 0;
    lost = false;
  }

  conversation.on("status", (state) => {
    tell(statusOf(state, was));
    was = state.state;
    tellReturn(state.state);
  });
  conversation.on("history", (page) => tell({ type: "history", ...page }));
  conversation.on("message", (message) => {
    if (leftAt !== undefined) caughtUp++;
    const isOwn = message.from === conversation.user && own.delete(message.id);
    tell({ type: "message", ...message, ...(isOwn && { own: true }) });
  });
  conversation.on("lost", (what) => {
    lost ||= leftAt !== undefined;
    tell({ type: "lost", ...what });
  });
  conversation.on("presence", (presence) => {
    if (!isEntering) tell({ type: "presence", ...presence });
  });
  conversation.on("typing", (typing) => tell({ type: "typing", ...typing }));
  conversation.on("read", (read) => tell({ type: "read", ...read }));
  conversation.on("warning", (warning) => tell({ type: "warning", ...warning }));
  conversation.on("quota", (quota) => {
    if (quota?.retry_after === undefined) return;
    const { retry_after, limit } = quota;
    tell({ type: "over_quota", retry_after, limit });
  });
  conversation.on("error", ({ code, message }) => tell({ type: "refused", code, message }));
}
