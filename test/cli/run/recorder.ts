import {
  beginRecording,
  entryOf,
  type RecorderEvent,
  withClient,
} from "../../../src/scenario/format/build-recording.ts";
import type { Frame, Recording } from "../../../src/scenario/format/recording.ts";
import { writeRecording } from "../../../src/scenario/format/serialize.ts";
import { TestClient } from "../../support/clients/test-client.ts";

type What = RecorderEvent extends infer H
  ? H extends RecorderEvent
    ? Omit<H, "at" | "client">
    : never
  : never;

/** Connects to a real server, and records everything that its clients send and receive. */
export class Recorder implements AsyncDisposable {
  private recording: Recording;
  private readonly begin = Date.now();
  private readonly clients = new Map<string, TestClient>();

  constructor(
    private readonly url: string,
    private readonly conversation = "lobby",
  ) {
    this.recording = beginRecording(this.begin, url);
  }

  /** The recording so far, as a file. */
  get text(): string {
    return writeRecording(this.recording);
  }

  /** Opens a connection for a demo account under a name; the same name again is the next connection of that client. */
  async open(
    name: string,
    user: string,
    back: { readonly after?: number; readonly epoch?: string; readonly streams?: boolean } = {},
  ): Promise<TestClient> {
    const token = await this.signIn(user);
    if (!this.recording.clients.some((client) => client.name === name))
      this.recording = withClient(this.recording, { name, user, conversation: this.conversation });
    this.note(name, { type: "open", ...back });
    const query = new URLSearchParams({
      ...(back.after !== undefined && { after: `${back.after}` }),
      ...(back.epoch !== undefined && { epoch: back.epoch }),
      ...(back.streams && { streams: "1" }),
    });
    const address = `${this.url.replace("http", "ws")}/ws/${user}/${this.conversation}?${query}`;
    const socket = new WebSocket(address, ["parley.v1", `bearer.${token}`]);
    let isOurs = false;
    const leave = socket.close.bind(socket);
    socket.close = (...how) => {
      isOurs = true;
      leave(...how);
    };
    socket.addEventListener("message", ({ data }) => this.note(name, { type: "received", data }));
    socket.addEventListener("close", ({ code, reason }) =>
      this.note(name, { type: "close", code, reason, byUs: isOurs }),
    );
    const client = new TestClient(socket);
    this.clients.set(name, client);
    await client.next("welcome");
    return client;
  }

  /** Sends as `name`, and records it. */
  send(name: string, data: string | Frame): void {
    const text = typeof data === "string" ? data : JSON.stringify(data);
    this.note(name, { type: "sent", data: text });
    this.clients.get(name)!.send(text);
  }

  /** Asks the server for a fault on the connection of `name`, and records it. */
  async fault(name: string, user: string, fault: Frame): Promise<void> {
    const token = await this.signIn(user);
    const { connection } = this.clients.get(name)!.of("welcome").at(-1)!;
    this.note(name, { type: "fault", fault });
    const answer = await fetch(`${this.url}/test/faults`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}` },
      body: JSON.stringify({ connection, fault }),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients.values()) await client[Symbol.asyncDispose]();
  }

  private async signIn(username: string): Promise<string> {
    const body = new URLSearchParams({ username, password: "password" });
    const answer = await fetch(`${this.url}/token`, { method: "POST", body });
    return ((await answer.json()) as { access_token: string }).access_token;
  }

  private note(client: string, what: What): void {
    const entry = entryOf({ at: Date.now(), client, ...what } as RecorderEvent, this.begin);
    this.recording = { ...this.recording, entries: [...this.recording.entries, entry] };
  }
}
