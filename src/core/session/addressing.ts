// Which frames fit which kind of socket (MX): that of one conversation, or that of a user.
import type { ClientFrame } from "../../protocol/client-frames.ts";

/**
 * Returns why a frame is `invalid` on a socket of one conversation, or undefined. Such a frame need not name the
 * conversation, and MUST NOT name another one.
 */
export function explainForeignFrame(frame: ClientFrame, conversation: string): string | undefined {
  switch (frame.type) {
    case "open":
    case "close":
    case "inbox":
      return `\`${frame.type}\` needs the socket of a user, /ws/{user_id}; this one has its conversation in the address.`;
    case "message":
    case "history":
    case "typing":
    case "read":
      return frame.conversation === undefined || frame.conversation === conversation
        ? undefined
        : "`conversation`: this socket has another one in its address; open the socket of a user, /ws/{user_id}.";
    case "ping":
    case "activity":
    case "token":
      return undefined;
    default:
      return frame satisfies never;
  }
}

/** Returns why a frame is `invalid` on the socket of a user, or undefined. Requests of a conversation MUST name it. */
export function explainUnnamedFrame(frame: ClientFrame): string | undefined {
  switch (frame.type) {
    case "message":
    case "history":
    case "typing":
    case "read":
      return frame.conversation === undefined
        ? "`conversation`: must be there on the socket of a user."
        : undefined;
    case "open":
    case "close":
    case "inbox":
    case "ping":
    case "activity":
    case "token":
      return undefined;
    default:
      return frame satisfies never;
  }
}
