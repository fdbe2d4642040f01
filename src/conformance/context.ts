import { randomBytes } from "node:crypto";
import { CHECK_PREFIX } from "../protocol/identifiers.ts";
import type { ServerFrameOf } from "../protocol/server-frames.ts";
import type { ServerAddress } from "./server-address.ts";
import { TestSocket } from "./test-socket.ts";
import { type SigningKey, sign } from "./token-signer.ts";
import { RuleSkipped } from "./verdicts.ts";

/** A user of the server, with a token that is valid for the whole run. */
export interface TestUser {
  readonly user: string;
  readonly token: string;
}

/** A connected socket, and its `welcome` frame. */
export interface Joined {
  readonly socket: TestSocket;
  readonly welcome: ServerFrameOf<"welcome">;
}

/** The tools of one check. Each check has its own conversations, and its sockets are closed after it. */
export class TestContext {
  private readonly sockets: TestSocket[] = [];

  constructor(
    readonly target: ServerAddress,
    /** Two users who may read and write. */
    readonly ann: TestUser,
    readonly bob: TestUser,
    readonly key: SigningKey | undefined,
    /** An API key of the operator, with `manage` and for all conversations. */
    private readonly operatorKey: string | undefined = undefined,
    /** Called for each socket that is opened. */
    private readonly onOpen: () => void = () => {},
    /** Called with the name of each conversation, so that the run can remove them at its end. */
    private readonly onConversation: (conversation: string) => void = () => {},
  ) {}

  /** Returns the name of a new conversation. */
  conversation(): string {
    const name = `${CHECK_PREFIX}${randomBytes(9).toString("hex")}`;
    this.onConversation(name);
    return name;
  }

  /** Returns a user whom the server does not know yet; needs a key. */
  newUser(claims: Record<string, unknown> = {}): TestUser {
    const user = `conformance-${randomBytes(6).toString("hex")}`;
    return { user, token: sign(this.requireKey(), user, claims) };
  }

  /** Returns the key; throws `RuleSkipped` without one. */
  requireKey(): SigningKey {
    if (this.key !== undefined) return this.key;
    throw new RuleSkipped("needs SECRET_KEY or --secret-key-file, to sign its own tokens");
  }

  /** Returns the operator's API key, as the sender of requests; throws `RuleSkipped` without one. */
  requireOperator(): TestUser {
    if (this.operatorKey !== undefined) return { user: "operator", token: this.operatorKey };
    throw new RuleSkipped("needs PARLEY_API_KEY, an API key with the right `manage`");
  }

  /** Returns the path and query of a socket's URL. */
  path(user: TestUser, conversation: string, query: Readonly<Record<string, string | number>> = {}): string {
    const all = new URLSearchParams({ token: user.token });
    for (const [name, value] of Object.entries(query)) all.set(name, `${value}`);
    return `/ws/${user.user}/${conversation}?${all}`;
  }

  /** Opens a socket at a path, without waiting. */
  open(path: string, protocols: string[] = []): TestSocket {
    const socket = new TestSocket(new WebSocket(`${this.target.ws}${path}`, protocols));
    this.sockets.push(socket);
    this.onOpen();
    return socket;
  }

  /** Opens a socket and waits for its welcome. */
  async join(
    user: TestUser,
    conversation: string,
    query: Readonly<Record<string, string | number>> = {},
  ): Promise<Joined> {
    const socket = this.open(this.path(user, conversation, query));
    return { socket, welcome: await socket.next("welcome") };
  }

  /** Sends `text`, and waits for its ack. */
  async sendMessage(socket: TestSocket, text: string, more: object = {}): Promise<ServerFrameOf<"ack">> {
    const id = crypto.randomUUID();
    socket.send({ type: "message", id, text, ...more });
    return socket.next("ack", (ack) => ack.id === id);
  }

  /** Sends an HTTP request, with the token of the user `as` if given. */
  async fetch(path: string, init: RequestInit & { as?: TestUser } = {}): Promise<Response> {
    const { as, ...rest } = init;
    const headers = new Headers(rest.headers);
    if (as !== undefined) headers.set("Authorization", `Bearer ${as.token}`);
    return fetch(`${this.target.http}${path}`, {
      redirect: "manual",
      signal: AbortSignal.timeout(5_000),
      ...rest,
      headers,
    });
  }

  /** Closes all sockets that the check left open. */
  async close(): Promise<void> {
    await Promise.all(this.sockets.map((socket) => socket.disconnect()));
  }
}
