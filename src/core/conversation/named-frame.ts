/** What every encoded frame starts with; the name of its type and a quote follow. */
const FRAME_START = '{"type":"';

/**
 * Returns an encoded frame with `conversation` as its second member, as the socket of a user gets it. Frames for a socket of
 * one conversation have no such member, so a frame is encoded once for both kinds. A conversation's name needs no escapes.
 */
export function nameConversation(frame: string, conversation: string): string {
  const end = frame.indexOf('"', FRAME_START.length) + 1;
  return `${frame.slice(0, end)},"conversation":"${conversation}"${frame.slice(end)}`;
}
