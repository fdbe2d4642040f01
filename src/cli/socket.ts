import { type Connection, openConnection } from "../client/connection.ts";
import type { ServerFrame, ServerFrameOf } from "../protocol/server-frames.ts";
import { Failure } from "./failure.ts";
import type { Credential } from "./sign-in.ts";
import type { Target } from "./target.ts";

/** What an open socket tells. */
export interface SocketListener {
  received(frame: ServerFrame): void;
  /** The socket is gone; called once. */
  lost(code: number, reason: string): void;
}

/** One socket, for whoever measures: it does not come back, sends at once, and keeps nothing. */
export interface OpenSocket extends Pick<Connection, "send" | "hangUp"> {
  readonly welcome: ServerFrameOf<"welcome">;
}

/** Opens a socket to a conversation. Throws a Failure that says why it was not let in. */
export async function openSocket(
  { ws }: Target,
  credential: Credential,
  conversation: string,
  listener: SocketListener,
): Promise<OpenSocket> {
  const token = await credential.token();
  const address = `${ws}/ws/${encodeURIComponent(credential.user)}/${encodeURIComponent(conversation)}`;
  const { promise, resolve, reject } = Promise.withResolvers<ServerFrameOf<"welcome">>();
  let isIn = false;
  let said = "";
  const connection = openConnection(
    address,
    token,
    { url: ws, token },
    {
      onFrame(frame) {
        if (isIn) listener.received(frame);
        else if (frame.type === "error") said = ` ${frame.message}`;
        else if (frame.type === "welcome") {
          isIn = true;
          resolve(frame);
        }
      },
      onClose(code, reason) {
        if (isIn) listener.lost(code, reason);
        else
          reject(
            new Failure(
              `${ws} let nobody into ${conversation}: closed with ${code}, ${reason || "no reason"}.${said}`,
            ),
          );
      },
    },
  );
  return { welcome: await promise, send: connection.send, close: connection.close };
}
