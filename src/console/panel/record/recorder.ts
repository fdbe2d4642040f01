// Records the frames of all clients. It observes all connections from the start, because one that is already open when a
// recording begins must be opened in the recording, too: with the `welcome` that it would get now.
import {
  beginRecording,
  entryOf,
  type RecorderEvent,
  withClient,
} from "../../../scenario/format/build-recording.ts";
import type {
  CredentialKind,
  Frame,
  RecordedClient,
  Recording,
  RecordingEntry,
} from "../../../scenario/format/recording.ts";
import { REFUSED_FAULT, readObject, type WireEvent } from "../../wire/frame.ts";
import { splitUserSockets } from "./conversation-sockets.ts";

/** Longest recording, in characters of frames. */
export const MAX_RECORDED_LENGTH = 32 * 1024 * 1024;

export interface Recorder {
  /** Receives all wire events in order, also while not recording. */
  onWireEvent(seen: WireEvent): void;
  /** Begins a new recording at a moment in milliseconds since 1970. */
  begin(at: number, server: string): void;
  /** The recording since `begin`; undefined while not recording. */
  current(): Recording | undefined;
  /** Ends the recording and returns it. */
  end(): Recording | undefined;
  /** Whether the recording has reached its longest length. */
  isFull(): boolean;
}

/** An open connection. */
interface OpenSocket {
  readonly client: string;
  /** Whether the client had another connection to the same conversation when this one was opened. */
  readonly isSecondary: boolean;
  readonly user: string;
  readonly conversation: string;
  readonly after?: number;
  readonly epoch?: string;
  readonly streams?: boolean;
  /** The client's name in the recording. */
  name?: string;
  welcome?: Frame;
  /** Ids of requests without a reply; replies to those from before the recording are not recorded. */
  readonly waiting: Set<string>;
  earlier: ReadonlySet<string>;
}

/** `nameOf` returns the name of a client on the page. */
export function createRecorder(nameOf: (client: string) => string): Recorder {
  const sockets = new Map<number, OpenSocket>();
  /** The newest `seq` of each conversation, received by any client. */
  const newest = new Map<string, number>();
  /** By name in the recording: the client of the page whose main connection it is. */
  const owners = new Map<string, string>();
  /** The last fault of each client of the page. */
  const asked = new Map<string, RecordingEntry>();
  let clients: RecordedClient[] = [];
  let entries: RecordingEntry[] = [];
  let started: { readonly at: number; readonly server: string } | undefined;
  let length = 0;

  function add(event: RecorderEvent): RecordingEntry {
    const entry = entryOf(event, started!.at);
    entries.push(entry);
    if (event.type === "sent" || event.type === "received") length += event.data.length;
    return entry;
  }

  /** Returns a name for this user and conversation that no other open connection has. */
  function nameFor(line: OpenSocket): string {
    const base = `${nameOf(line.client)}${line.isSecondary ? " beside" : ""}`
      .replaceAll("=", "-")
      .slice(0, 50);
    const isFree = (name: string) =>
      ![...sockets.values()].some((other) => other !== line && other.name === name);
    const fits = ({ name, user, conversation }: RecordedClient) =>
      isFree(name) && user === line.user && conversation === line.conversation;
    let name = base;
    for (let number = 2; clients.some((client) => client.name === name && !fits(client)); number++)
      name = `${base} ${number}`;
    if (!clients.some((client) => client.name === name))
      clients = [...clients, { name, user: line.user, conversation: line.conversation }];
    if (!line.isSecondary) owners.set(name, line.client);
    return name;
  }

  function dial(seen: WireEvent): void {
    const target = parseSocketPath(seen.text);
    if (target === undefined || seen.socketId === undefined) return;
    const isSecondary = [...sockets.values()].some(
      ({ client, conversation }) => client === seen.client && conversation === target.conversation,
    );
    const line: OpenSocket = {
      ...target,
      client: seen.client,
      isSecondary,
      waiting: new Set(),
      earlier: new Set(),
    };
    sockets.set(seen.socketId, line);
    if (started === undefined) return;
    line.name = nameFor(line);
    const { after, epoch, streams } = target;
    add({
      at: seen.at,
      client: line.name,
      type: "open",
      ...(after !== undefined && { after }),
      ...(epoch !== undefined && { epoch }),
      ...(streams && { streams }),
    });
  }

  function recordFrame(seen: WireEvent, line: OpenSocket): void {
    const frame = seen.binary ? undefined : readObject(seen.text);
    const id = typeof frame?.id === "string" ? frame.id : undefined;
    if (seen.direction === "out") {
      if (id !== undefined) line.waiting.add(id);
      if (line.name !== undefined)
        add({
          at: seen.at,
          client: line.name,
          type: "sent",
          data: seen.binary ? bytesOf(seen.text) : seen.text,
        });
      return;
    }
    if (frame?.type === "welcome") line.welcome = frame;
    if (typeof frame?.seq === "number" && frame.type !== "read")
      newest.set(line.conversation, Math.max(frame.seq, newest.get(line.conversation) ?? 0));
    const isAnswer = id !== undefined && frame?.type !== "message";
    if (isAnswer) line.waiting.delete(id);
    if (line.name === undefined || (isAnswer && line.earlier.has(id))) return;
    add({ at: seen.at, client: line.name, type: "received", data: seen.text });
  }

  /** Records a fault when it is requested, and removes it again if the server rejected it. */
  function recordFault(seen: WireEvent): void {
    const before = asked.get(seen.client);
    asked.delete(seen.client);
    if (seen.type === REFUSED_FAULT) {
      entries = entries.filter((entry) => entry !== before);
      return;
    }
    const what = readObject(seen.text);
    const name = entries.findLast(
      (entry) => entry.dir === "line" && entry.event === "open" && owners.get(entry.client) === seen.client,
    )?.client;
    // Requesting a token is not an event of the connection; connecting with it is.
    if (name === undefined || typeof what?.do !== "string" || what.do === "expired_token") return;
    asked.set(seen.client, add({ at: seen.at, client: name, type: "fault", fault: what }));
  }

  function currentRecording(): Recording | undefined {
    if (started === undefined) return undefined;
    const begun = clients.reduce(withClient, beginRecording(started.at, started.server));
    return { ...begun, entries: withCredentials(entries) };
  }

  function onSocketEvent(seen: WireEvent): void {
    if (seen.direction === "fault") {
      if (started !== undefined) recordFault(seen);
      return;
    }
    if (seen.type === "dial" && seen.direction === "line") {
      dial(seen);
      return;
    }
    const line = seen.socketId === undefined ? undefined : sockets.get(seen.socketId);
    if (line === undefined) return;
    if (seen.direction !== "line") {
      recordFrame(seen, line);
      return;
    }
    if (seen.close === undefined) return;
    sockets.delete(seen.socketId!);
    const { code, reason, byUs = false } = seen.close;
    if (line.name !== undefined) add({ at: seen.at, client: line.name, type: "close", code, reason, byUs });
  }

  const split = splitUserSockets();

  return {
    onWireEvent(seen) {
      for (const event of split(seen)) onSocketEvent(event);
    },
    begin(at, server) {
      [clients, entries, length] = [[], [], 0];
      owners.clear();
      asked.clear();
      started = { at: Math.round(at), server };
      for (const line of sockets.values()) line.name = undefined;
      for (const line of sockets.values()) {
        line.name = nameFor(line);
        line.earlier = new Set(line.waiting);
        add({ at, client: line.name, type: "open", ...(line.streams && { streams: true }) });
        if (line.welcome === undefined) continue;
        const { lost: _lost, skipped: _skipped, ...welcome } = line.welcome;
        const now = { ...welcome, seq: newest.get(line.conversation) ?? welcome.seq, resumed: false };
        add({ at, client: line.name, type: "received", data: JSON.stringify(now) });
      }
    },
    current: currentRecording,
    end() {
      const recording = currentRecording();
      started = undefined;
      for (const line of sockets.values()) line.name = undefined;
      return recording;
    },
    isFull: () => length > MAX_RECORDED_LENGTH,
  };
}

/** Parses the path of a connection, such as `/ws/user1/lobby?after=3&epoch=e`. */
function parseSocketPath(
  text: string,
): Pick<OpenSocket, "user" | "conversation" | "after" | "epoch" | "streams"> | undefined {
  const [path = "", search = ""] = text.split("?");
  const parts = /\/ws\/([^/]+)\/([^/]+)$/.exec(path);
  if (parts === null) return undefined;
  const query = new URLSearchParams(search);
  const after = Number(query.get("after") ?? Number.NaN);
  const epoch = query.get("epoch");
  return {
    user: decodeURIComponent(parts[1]!),
    conversation: decodeURIComponent(parts[2]!),
    ...(Number.isSafeInteger(after) && { after }),
    ...(epoch !== null && { epoch }),
    ...(query.get("streams") === "1" && { streams: true }),
  };
}

/** The kind of a token, by the error with which it was rejected: the token itself is not kept. */
const REFUSED: Readonly<Record<string, CredentialKind>> = {
  token_expired: "expired",
  unauthorized: "wrong",
  forbidden: "foreign",
};

/** Returns the entries with the kind of token in each opening that the server rejected. */
function withCredentials(entries: readonly RecordingEntry[]): readonly RecordingEntry[] {
  const kinds = new Map<RecordingEntry, CredentialKind>();
  const opening = new Map<string, RecordingEntry>();
  for (const entry of entries) {
    if (entry.dir === "line" && entry.event === "open") opening.set(entry.client, entry);
    if (entry.dir !== "in") continue;
    const open = opening.get(entry.client);
    const { type, code } = entry.frame ?? {};
    const kind = type === "error" ? REFUSED[String(code)] : undefined;
    // Later errors have other reasons.
    opening.delete(entry.client);
    if (open !== undefined && kind !== undefined) kinds.set(open, kind);
  }
  if (kinds.size === 0) return entries;
  return entries.map((entry) => {
    const token = kinds.get(entry);
    return token === undefined ? entry : ({ ...entry, token } as RecordingEntry);
  });
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex === "" ? [] : hex.split(" "), (byte) => Number.parseInt(byte, 16));
}
