import { type Conversation, connect, type Options, type Parley, type Place } from "../../client/index.ts";
import { describeClose } from "../../protocol/close-codes.ts";
import { CliError } from "../cli-error.ts";
import type { Target } from "../server/target.ts";
import { type ChatState, watchChatState } from "./chat-state.ts";

/**
 * Waits until a conversation is open. Throws a `CliError` if the first attempt fails: a command that has just started
 * reports that, while one that was connected reconnects.
 */
export async function waitUntilOpen(
  parley: Parley,
  conversation: Conversation,
  { http }: Target,
): Promise<void> {
  let errorText = "";
  const endErrors = parley.on("error", ({ message }) => {
    errorText = ` ${message}`;
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const endStates = watchChatState(parley, conversation, (state) => {
    if (state.state === "connecting") return;
    const problem = problemOf(state, conversation.id, http, errorText);
    if (problem === undefined) resolve();
    else reject(new CliError(problem));
  });
  try {
    await promise;
  } finally {
    endErrors();
    endStates();
  }
}

function problemOf(state: ChatState, id: string, http: string, errorText: string): string | undefined {
  if (state.state !== "waiting" && state.state !== "closed") return undefined;
  const { code, reason } = state;
  if (typeof code === "string") return `The server did not open ${id}: ${code}. ${reason}`;
  if (code === 1006) return `${http} cannot be reached by WebSocket: ${reason}.${errorText}`;
  return `The server closed the connection with ${code}, ${reason}.${errorText || ` ${describeClose(code).advice}`}`;
}

/** Returns the place after `seq` in the current epoch, which it reads with a short connection. */
export async function placeAfter(options: Options, target: Target, id: string, seq: number): Promise<Place> {
  const parley = connect(options);
  const conversation = parley.conversation(id);
  const end = conversation.on("lost", () => {});
  try {
    await waitUntilOpen(parley, conversation, target);
  } finally {
    end();
    await parley.close();
  }
  const { seq: newest, epoch } = conversation.facts.getSnapshot()!;
  if (seq > newest) throw new CliError(`--after=${seq} is too large: the newest message is #${newest}.`);
  return { seq, epoch };
}
