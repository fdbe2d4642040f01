import {
  type Ack,
  type Conversation,
  type MessageWatch,
  type Parley,
  ParleyError,
  type Place,
  type PresenceList,
  type PresentUser,
  type Readable,
  watchMessages,
  watchPresence,
} from "../../client/index.ts";
import { REPLY_TIMEOUT_MS } from "../../client/options.ts";
import { errorLines } from "../cli-error.ts";
import { fetchPlanUsage, requestFault } from "../server/server-api.ts";
import type { Credential } from "../server/sign-in.ts";
import type { Target } from "../server/target.ts";
import { type ChangeKind, type ChatEvent, statusEvent } from "./chat-event.ts";
import { type ChatState, watchChatState } from "./chat-state.ts";
import { messageToStop } from "./growing.ts";
import { COMMAND_HELP, type Input } from "./parse-input.ts";
import { type PipeStream, pipeStream } from "./pipe-stream.ts";

export interface ChatSessionDeps {
  readonly parley: Parley;
  readonly target: Target;
  readonly credential: Credential;
  readonly conversation: string;
  /** The place to start after; default: new messages only. */
  readonly from?: Place | undefined;
  /** How many of the newest messages are emitted first; not together with `from`. */
  readonly last?: number | undefined;
  /** Whether messages are kept, those that are being written, too: for `/stop`, and for a terminal that shows them. */
  readonly watch?: boolean;
  /** Called with each event. */
  readonly emit: (event: ChatEvent) => void;
  /** Called with lines that are for people only. */
  readonly note: (...lines: readonly string[]) => void;
  /** Called with the newest `seq` of the first page, once that is emitted; 0 if it is empty. */
  readonly onShown?: (seq: number) => void;
  /** How long after sending a missing ack is noted, in milliseconds; default 5,000. */
  readonly ackNoticeMs?: number;
}

/** One conversation of a chat: emits its events, and executes typed input. */
export interface ChatSession {
  readonly conversation: Conversation;
  /** The messages, with `watch`. */
  readonly messages: MessageWatch | undefined;
  /** The present users. */
  present(): readonly PresentUser[];
  /** How many messages and changes have no ack yet. */
  unacked(): { readonly message: number; readonly change: number };
  /** Sends a text; resolves with false if it was rejected, which is also emitted. */
  send(text: string, replyTo?: number): Promise<boolean>;
  /** Sends `input` as one message, which grows. */
  pipe(input: AsyncIterable<Uint8Array>): PipeStream;
  /** Executes typed input, except `/quit`. Never throws: errors are emitted. Resolves with false if it was refused. */
  execute(input: Input): Promise<boolean>;
}

export function openChatSession(deps: ChatSessionDeps): ChatSession {
  const { parley, target, credential, emit, note, onShown = () => {}, ackNoticeMs = 5_000, ...rest } = deps;
  const { from, last = 0, watch = false } = rest;
  const conversation = parley.conversation(rest.conversation, { after: from });
  const messages = watch ? watchMessages(conversation, { last }) : undefined;
  const presence = watchPresence(conversation);
  /** Ids of messages that this program sent, until they arrive as a message. */
  const own = new Set<string>();

  /** Ids of texts that have no ack yet, as they were written. */
  const unacked = new Set<string>();

  /** How many changes have no ack yet. */
  let changing = 0;

  emitEvents(parley, conversation, own, presence, emit);
  if (last > 0) emitFirstPage(conversation, last, emit, onShown);
  let wasLarge = false;
  let known = 0;
  // Keeps the list, and the conversation open.
  presence.subscribe(({ present, count }) => {
    const isLarge = count > present.length;
    // Of a large conversation the server sends no names.
    if ((isLarge || wasLarge) && count !== known && parley.status.getSnapshot().state === "live" && known > 0)
      emit({ type: "presence_count", count });
    wasLarge = isLarge;
    known = count;
  });

  /** Explains a missing ack: on an open connection a lost ack (/fault lose ack) is awaited longer than a person expects. */
  function notePendingAck(id: string): void {
    const [first] = unacked;
    const isOverQuota = parley.quota.getSnapshot()?.retry_after !== undefined;
    if (first === id && parley.status.getSnapshot().state === "live" && !isOverQuota)
      note(
        `no ack for your message yet; after ${REPLY_TIMEOUT_MS / 1000} s, or if the connection is lost, it is sent again, and stored once`,
      );
  }

  function pipe(input: AsyncIterable<Uint8Array>): PipeStream {
    return pipeStream(input, {
      conversation,
      note,
      onStart(id) {
        own.add(id);
        unacked.add(id);
      },
      onStored(ack, milliseconds) {
        unacked.delete(ack.id);
        emit({ type: "ack", ...ack, milliseconds: roundMs(milliseconds) });
      },
      onRefused(error, id) {
        // What the end of the chat leaves is not sent.
        if (!isEnded()) unacked.delete(id);
        emitRefusal(error, id);
      },
    });
  }

  /** Opens a line that /close has closed. After 4408 the library itself opens it. */
  function openAgain(): void {
    const line = parley.status.getSnapshot();
    if (line.state === "closed" && line.code === 1000) parley.reconnect();
  }

  /** Makes a change; resolves with false if it was refused, which is also emitted. */
  async function change(kind: ChangeKind, seq: number, ask: () => Promise<Ack>): Promise<boolean> {
    openAgain();
    const began = performance.now();
    changing++;
    try {
      const ack = await ask();
      changing--;
      emit({ type: "ack", change: kind, ...ack, milliseconds: roundMs(performance.now() - began) });
      return true;
    } catch (error) {
      // What the end of the chat leaves is not sent.
      if (!isEnded()) changing--;
      emit({ type: "refused", change: kind, seq, ...refusalOf(error) });
      return false;
    }
  }

  async function send(text: string, replyTo?: number): Promise<boolean> {
    openAgain();
    const began = performance.now();
    const sending = conversation.send(text, { reply_to: replyTo });
    own.add(sending.id);
    unacked.add(sending.id);
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
      // What the end of the chat leaves is not sent.
      if (!isEnded()) unacked.delete(sending.id);
      clearTimeout(ackTimer);
    }
  }

  /** Whether the line is closed: nothing that waits is sent any more. */
  function isEnded(): boolean {
    return parley.status.getSnapshot().state === "closed";
  }

  function emitRefusal(error: unknown, id?: string): void {
    emit({ type: "refused", ...(id !== undefined && { id }), ...refusalOf(error) });
  }

  async function stop(): Promise<void> {
    const message = messageToStop(messages?.getSnapshot().entries ?? []);
    if (message === undefined) return note("No message is being written now.");
    await conversation.cancel(message);
    note(`${message.from} is asked to stop`);
  }

  /** Executes what is neither a message nor a change. */
  async function command(input: Exclude<Input, { kind: "send" | ChangeKind | "invalid" }>): Promise<void> {
    switch (input.kind) {
      case "who":
        return emit({ type: "present", ...presentUsers(presence.getSnapshot()) });
      case "quota": {
        const { plan, quota } = await fetchPlanUsage(target, credential);
        return emit({ type: "quota", plan, quota });
      }
      case "history":
        return emit({ type: "history", ...(await conversation.history({ limit: input.limit })) });
      case "ping":
        return emit({ type: "pong", milliseconds: roundMs(await parley.ping()) });
      case "stop":
        return stop();
      case "typing":
        return conversation.typing(input.active);
      case "close":
        return parley.close();
      case "reconnect":
        return parley.reconnect();
      case "fault": {
        const { fault } = input;
        await requestFault(target, credential, parley.welcome.getSnapshot()?.connection ?? "", fault);
        return emit({ type: "fault", fault });
      }
      case "help":
        return note(...COMMAND_HELP.split("\n"));
      case "nothing":
      case "quit":
        return;
      default:
        input satisfies never;
    }
  }

  async function execute(input: Input): Promise<boolean> {
    switch (input.kind) {
      case "send":
        return send(input.text, input.replyTo);
      case "edit":
        return change("edit", input.seq, () => conversation.edit(input.seq, { text: input.text }));
      case "erase":
        return change("erase", input.seq, () => conversation.erase(input.seq, input.reason));
      case "react":
        return change("react", input.seq, () => conversation.react(input.seq, input.reaction, input.on));
      case "invalid":
        note(input.why);
        return false;
      default:
        await command(input);
        return true;
    }
  }

  return {
    conversation,
    messages,
    present: () => presence.getSnapshot().present,
    unacked: () => ({ message: unacked.size, change: changing }),
    send,
    pipe,
    async execute(input) {
      try {
        return await execute(input);
      } catch (error) {
        emitRefusal(error);
        return false;
      }
    },
  };
}

/** The code and the text of an error. */
function refusalOf(error: unknown): { readonly code: string; readonly message: string } {
  const code = error instanceof ParleyError ? error.code : "failed";
  return { code, message: errorLines(error).join(" ") };
}

/** Rounds to microseconds, the resolution of the clock. */
function roundMs(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

/** Returns the present users, and their number where the list has only some of them. */
function presentUsers({
  present,
  count,
}: PresenceList): Pick<ChatEvent & { type: "welcome" }, "present" | "present_count"> {
  return { present, ...(count > present.length && { present_count: count }) };
}

/** Emits the library's events, and those derived from them: `welcome` and `resumed`. */
function emitEvents(
  parley: Parley,
  conversation: Conversation,
  own: Set<string>,
  presence: Readable<PresenceList>,
  emit: (event: ChatEvent) => void,
): void {
  let previous: ChatState["state"] | undefined;
  let isWelcomed = false;
  let disconnectedAt: number | undefined;
  let caughtUp = 0;
  let lost = false;

  function emitConnected(state: ChatState["state"]): void {
    const isConnected = state === "live" || state === "resuming" || state === "degraded";
    if (!isConnected) {
      if (isWelcomed) disconnectedAt ??= performance.now();
      return;
    }
    const { plan } = parley.welcome.getSnapshot()!;
    if (!isWelcomed) {
      isWelcomed = true;
      const { conversation: id, seq } = conversation.facts.getSnapshot()!;
      const quota = parley.quota.getSnapshot();
      emit({
        type: "welcome",
        user: parley.user!,
        conversation: id,
        seq,
        plan,
        quota,
        ...presentUsers(presence.getSnapshot()),
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

  watchChatState(parley, conversation, (state) => {
    // The first state is that of a command that has just started.
    if (previous !== undefined || state.state !== "connecting") emit(statusEvent(state, previous));
    previous = state.state;
    emitConnected(state.state);
  });
  conversation.on("message", (message) => {
    if (disconnectedAt !== undefined) caughtUp++;
    const isOwn = message.from === parley.user && own.delete(message.id);
    emit({ type: "message", ...message, ...(isOwn && { own: true }) });
  });
  conversation.on("change", (change) => emit({ type: "change", ...change }));
  conversation.on("lost", (what) => {
    lost ||= disconnectedAt !== undefined;
    emit({ type: "lost", ...what });
  });
  conversation.on("presence", (presence) => emit({ type: "presence", ...presence }));
  conversation.on("typing", (typing) => emit({ type: "typing", ...typing }));
  conversation.on("read", (read) => emit({ type: "read", ...read }));
  parley.on("warning", (warning) => emit({ type: "warning", ...warning }));
  parley.quota.subscribe((quota) => {
    if (quota?.retry_after === undefined) return;
    const { retry_after, limit } = quota;
    emit({ type: "over_quota", retry_after, limit });
  });
  parley.on("error", ({ code, message }) => emit({ type: "refused", code, message }));
}

/** Emits the newest messages as one `history`, once. */
function emitFirstPage(
  conversation: Conversation,
  last: number,
  emit: (event: ChatEvent) => void,
  onShown: (seq: number) => void,
): void {
  const list = watchMessages(conversation, { last });
  let isOver = false;
  let end = () => {};
  end = list.subscribe(({ entries, status, hasOlder }) => {
    if (isOver || status === "loading") return;
    isOver = true;
    const stored = entries.flatMap(({ key: _, state, own: __, error: ___, changing: ____, seq, ...entry }) =>
      state === "stored" && seq !== undefined ? [{ ...entry, seq }] : [],
    );
    const messages = stored.map(({ myReactions: _, ...message }) => message);
    const reacted = stored.filter(({ myReactions }) => myReactions.length > 0);
    const mine = Object.fromEntries(reacted.map(({ seq, myReactions }) => [seq, myReactions]));
    if (messages.length > 0)
      emit({ type: "history", messages, more: hasOlder, ...(reacted.length > 0 && { mine }) });
    onShown(messages.at(-1)?.seq ?? 0);
    queueMicrotask(() => end());
  });
}
