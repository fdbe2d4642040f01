import type { Conversation, Parley, Position, State } from "../../client/connect.ts";
import { describeClose } from "../../protocol/close-codes.ts";
import { CliError } from "../cli-error.ts";
import type { Target } from "../server/target.ts";

/**
 * Waits until a conversation is joined. Throws a `CliError` if the first attempt fails: a command that has just started
 * reports that, while one that was connected reconnects.
 */
export async function waitUntilWelcomed(conversation: Conversation, { http }: Target): Promise<void> {
  let errorText = "";
  const endErrors = conversation.on("error", ({ message }) => {
    errorText = ` ${message}`;
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const endStatus = conversation.on("status", (state) => {
    if (state.state === "connecting") return;
    const problem = problemOf(state, http, errorText);
    if (problem === undefined) resolve();
    else reject(new CliError(problem));
  });
  try {
    await promise;
  } finally {
    endErrors();
    endStatus();
  }
}

function problemOf(state: State, http: string, errorText: string): string | undefined {
  if (state.state !== "waiting" && state.state !== "closed") return undefined;
  const { code, reason } = state;
  if (code === 1006) return `${http} cannot be reached by WebSocket: ${reason}.${errorText}`;
  return `The server closed the connection with ${code}, ${reason}.${errorText || ` ${describeClose(code).advice}`}`;
}

/** Returns the position after `seq` in the current epoch, which it reads with a short connection. */
export async function positionAfter(
  parley: Parley,
  target: Target,
  id: string,
  seq: number,
): Promise<Position> {
  const conversation = parley.conversation(id);
  await waitUntilWelcomed(conversation, target);
  const { seq: newest, epoch } = conversation.welcome!;
  await conversation.close();
  if (seq > newest) throw new CliError(`--after=${seq} is too large: the newest message is #${newest}.`);
  return { seq, epoch };
}
