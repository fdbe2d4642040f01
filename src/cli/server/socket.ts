import { openSocket as openConnection, type Socket } from "../../client/line/socket.ts";
import type { SentFrame } from "../../client/types/frames.ts";
import type { ServerFrame, ServerFrameOf } from "../../protocol/server-frames.ts";
import { CliError } from "../cli-error.ts";
import type { Credential } from "./sign-in.ts";
import type { Target } from "./target.ts";

/** Callbacks of an open socket. */
export interface SocketListener {
  received(frame: ServerFrame): void;
  /** The socket is closed; called once. */
  closed(code: number, reason: string): void;
}

/** One socket for measurements: it does not reconnect, sends at once, and stores nothing. */
export interface OpenSocket extends Pick<Socket<SentFrame>, "send" | "close"> {
  readonly welcome: ServerFrameOf<"welcome">;
}

/** Opens a socket to a conversation. Throws a `CliError` with the reason if it is rejected. */
export async function openSocket(
  { ws }: Target,
  credential: Credential,
  conversation: string,
  listener: SocketListener,
): Promise<OpenSocket> {
  const token = await credential.token();
  const address = `${ws}/ws/${encodeURIComponent(credential.user)}/${encodeURIComponent(conversation)}`;
  const { promise, resolve, reject } = Promise.withResolvers<ServerFrameOf<"welcome">>();
  let isWelcomed = false;
  let errorText = "";
  const connection = openConnection<ServerFrame, SentFrame>(
    address,
    token,
    {},
    {
      onFrame(frame) {
        if (isWelcomed) listener.received(frame);
        else if (frame.type === "error") errorText = ` ${frame.message}`;
        else if (frame.type === "welcome") {
          isWelcomed = true;
          resolve(frame);
        }
      },
      onClose(code, reason) {
        if (isWelcomed) listener.closed(code, reason);
        else
          reject(
            new CliError(
              `${ws} rejected a connection to ${conversation}: closed with ${code}, ${reason || "no reason"}.${errorText}`,
            ),
          );
      },
    },
  );
  return { welcome: await promise, send: connection.send, close: connection.close };
}
