import { randomBytes } from "node:crypto";
import { CHECK_PREFIX } from "../protocol/identifiers.ts";
import type { ServerFrameOf } from "../protocol/server-frames.ts";
import type { ServerAddress } from "./server-address.ts";
import { TestSocket } from "./test-socket.ts";
import { type SigningKey, sign } from "./token-signer.ts";
import { RuleSkipped } from "./verdicts.ts";

/** A user of the server, with a token that is good for the whole run. */
export interface TestUser {
  readonly user: string;
  readonly token: string;
}

/** A line that was let in, and what it was told first. */
export interface Joined {
  readonly line: TestSocket;
  readonly welcome: ServerFrameOf<"welcome">;
}

/** What a check has to work with. Its conversations are its own, and its sockets are closed after it. */
export class TestContext {
  private readonly sockets: TestSocket[] = [];

  constructor(
    readonly target: ServerAddress,
    /** Two users who may speak. */
    readonly ann: TestUser,
    readonly bob: TestUser,
    readonly key: SigningKey | undefined,
    /** Called for each socket that is opened. */
    private readonly onOpen: () => void = () => {},
    /** Takes the name of each conversation, for who removes them. */
    private readonly onConversation: (conversation: string) => void = () => {},
  ) {}

  /** A conversation that nobody has seen before. */
  conversation(): string {
    const name = `${CHECK_PREFIX}${randomBytes(9).toString("hex")}`;
    this.onConversation(name);
    return name;
  }

  /** A user whom the server has never seen; only with a key. */
  newUser(claims: Record<string, unknown> = {}): TestUser {
    const user = `conformance-${randomBytes(6).toString("hex")}`;
    return { user, token: sign(this.requireKey(), user, claims) };
  }

  /** The key; the check is skipped where there is none. */
  requireKey(): SigningKey {
    if (this.key !== undefined) return this.key;
    throw new RuleSkipped("needs SECRET_KEY or --secret-key-file, to sign tokens of its own");
  }

  /** The path and query of a socket's address. */
  path(user: TestUser, conversation: string, query: Readonly<Record<string, string | number>> = {}): string {
    const all = new URLSearchParams({ token: user.token });
    for (const [name, value] of Object.entries(query)) all.set(name, `${value}`);
    return `/ws/${user.user}/${conversation}?${all}`;
  }

  /** Opens a socket at a path and waits for nothing. */
  open(path: string, protocols: string[] = []): TestSocket {
    const line = new TestSocket(new WebSocket(`${this.target.ws}${path}`, protocols));
    this.sockets.push(line);
    this.onOpen();
    return line;
  }

  /** Opens a socket and waits for its welcome. */
  async join(
    user: TestUser,
    conversation: string,
    query: Readonly<Record<string, string | number>> = {},
  ): Promise<Joined> {
    const line = this.open(this.path(user, conversation, query));
    return { line, welcome: await line.next("welcome") };
  }

  /** Says `text`, and waits until it is stored. */
  async sendMessage(line: TestSocket, text: string, more: object = {}): Promise<ServerFrameOf<"ack">> {
    const id = crypto.randomUUID();
    line.send({ type: "message", id, text, ...more });
    return line.next("ack", (ack) => ack.id === id);
  }

  /** A request over HTTP, with the person's token where one is given. */
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

  /** Closes whatever a check has left open. */
  async close(): Promise<void> {
    await Promise.all(this.sockets.map((line) => line.disconnect()));
  }
}
