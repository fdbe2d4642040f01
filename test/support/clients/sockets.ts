import type { ServerFrame } from "../../../src/protocol/server-frames.ts";
import { TestClient } from "./test-client.ts";

/**
 * The two kinds of sockets, for tests of what holds on both: how each connects to the address of one conversation, and its
 * name for the title of a test.
 */
export const SOCKETS: readonly (readonly [name: string, connect: (url: string) => Promise<TestClient>])[] = [
  ["a socket of one conversation", (url) => TestClient.connect(url)],
  ["the socket of a user", (url) => UserSocketClient.connectTo(url)],
];

/** What `close` and `open` on the socket of a user need not have on a socket of one conversation. */
const REQUESTS: ReadonlySet<unknown> = new Set([
  ...["message", "history", "typing", "read", "edit", "erase", "react"],
]);

/**
 * A client with one conversation on the socket of a user, for tests that were written for a socket of one conversation:
 * it adds `conversation` to what it sends, checks it in what it receives, and makes one `welcome` of `welcome` and `opened`.
 */
class UserSocketClient extends TestClient {
  private welcome: Record<string, unknown> = {};
  private conversation = "";
  private position: Record<string, unknown> = {};

  /** Opens the socket of the user in `url`, and on it the conversation in `url`. */
  static async connectTo(url: string): Promise<TestClient> {
    const address = new URL(url);
    const [, , user, conversation = ""] = address.pathname.split("/");
    const position: Record<string, unknown> = {};
    for (const name of ["after", "last", "epoch", "rev", "oldest"]) {
      const value = address.searchParams.get(name);
      if (value !== null) position[name] = name === "epoch" ? value : Number(value);
      address.searchParams.delete(name);
    }
    address.pathname = `/ws/${user}`;
    const client = new UserSocketClient(new WebSocket(address.href));
    client.conversation = conversation;
    client.position = position;
    await client.next("welcome");
    return client;
  }

  override send(frame: Parameters<TestClient["send"]>[0]): void {
    if (typeof frame === "string" || frame instanceof Uint8Array || !REQUESTS.has(frame.type))
      super.send(frame);
    else super.send({ ...frame, conversation: this.conversation });
  }

  protected override read(text: string): ServerFrame | undefined {
    const { conversation, ...frame } = JSON.parse(text) as Record<string, unknown>;
    if (frame.type === "welcome") {
      const { limits: _limits, at: _at, ...welcome } = frame;
      this.welcome = welcome;
      super.send({ type: "open", conversations: [{ conversation: this.conversation, ...this.position }] });
      return undefined;
    }
    if (conversation !== undefined && conversation !== this.conversation)
      throw new Error(`A frame came for ${conversation}, and ${this.conversation} is open.`);
    if (frame.type !== "opened") return frame as ServerFrame;
    const { type: _type, read: _read, ...opened } = frame;
    return { ...this.welcome, ...opened, conversation } as ServerFrame;
  }
}
