// Which frames fit which kind of socket (MX): that of one conversation, or that of a user.
import type { ClientFrame } from "../../protocol/client-frames.ts";
import { isRequest } from "./membership-state.ts";

/**
 * Returns why a frame is `invalid` on a socket of one conversation, or undefined. Such a frame need not name the
 * conversation, and MUST NOT name another one.
 */
export function explainForeignFrame(frame: ClientFrame, conversation: string): string | undefined {
  if (frame.type === "open" || frame.type === "close" || frame.type === "inbox")
    return `\`${frame.type}\` needs the socket of a user, /ws/{user_id}; this one has its conversation in the address.`;
  return !isRequest(frame) || frame.conversation === undefined || frame.conversation === conversation
    ? undefined
    : "`conversation`: this socket has another one in its address; open the socket of a user, /ws/{user_id}.";
}

/** Returns why a frame is `invalid` on the socket of a user, or undefined. Requests of a conversation MUST name it. */
export function explainUnnamedFrame(frame: ClientFrame): string | undefined {
  return isRequest(frame) && frame.conversation === undefined
    ? "`conversation`: must be there on the socket of a user."
    : undefined;
}
