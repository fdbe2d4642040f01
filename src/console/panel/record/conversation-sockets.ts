// A recording has sockets of one conversation each, which `parley run` opens again. The console has one socket of a user for all
// conversations. This translates: each conversation that is open on such a socket becomes a socket of its own, with the frames
// that a socket of that conversation would have had.
import { readObject, type WireEvent } from "../../wire/frame.ts";

type Frame = Readonly<Record<string, unknown>>;

/** A socket of a user. */
interface UserSocket {
  /** Its address without the conversation: `/ws/user1`. */
  readonly path: string;
  readonly user: string;
  welcome: Frame;
  /** The sockets that stand for its open conversations, by conversation. */
  readonly open: Map<string, number>;
  /** From where the conversations are opened, as the last `open` frames said. */
  readonly asked: Map<string, { readonly after?: unknown; readonly epoch?: unknown }>;
}

/** Frames about the connection that each socket of it would have. */
const FOR_ALL: ReadonlySet<unknown> = new Set(["closing", "warning", "degraded", "recovered"]);

/** Frames that only a socket of a user has. */
const OF_USERS: ReadonlySet<unknown> = new Set(["open", "opened", "close", "closed", "inbox", "inbox_item"]);

/** What the `welcome` of a socket of a conversation that anyone may open has of the `opened` of a socket of a user. */
const WELCOME_FIELDS = [
  "conversation",
  "seq",
  "rev",
  "epoch",
  "resumed",
  "lost",
  "present",
  "present_count",
] as const;

/** Numbers of sockets that stand for conversations; those of the page are times since 1970. */
let nextSocket = -1;

/** Returns a function that translates wire events, in order; events of other sockets stay as they are. */
export function splitUserSockets(): (seen: WireEvent) => readonly WireEvent[] {
  const sockets = new Map<number, UserSocket>();
  /**
   * Read marks that were sent before their conversation was open: after a reconnect the library sends again what may be lost. No
   * socket of one conversation could send them, so what the others received of them is left out, too.
   */
  const early = new Set<string>();

  function onOpened(seen: WireEvent, socket: UserSocket, frame: Frame): WireEvent[] {
    const name = String(frame.conversation);
    const { after, epoch } = socket.asked.get(name) ?? {};
    const query = new URLSearchParams({
      // A socket of a user gets the streams of its conversations in any case.
      streams: "1",
      ...(after !== undefined && { after: String(after) }),
      ...(epoch !== undefined && { epoch: String(epoch) }),
    });
    const socketId = nextSocket--;
    const before = close(seen, socket, name, { code: 1000, reason: "", byUs: true });
    socket.open.set(name, socketId);
    const text = `${socket.path}/${encodeURIComponent(name)}?${query}`;
    const facts = WELCOME_FIELDS.filter((field) => field in frame).map((field) => [field, frame[field]]);
    const welcome = JSON.stringify({ ...socket.welcome, ...Object.fromEntries(facts) });
    return [
      ...before,
      { ...lineEvent(seen, socketId), type: "dial", text },
      { ...seen, socketId, type: "welcome", text: welcome },
    ];
  }

  function close(
    seen: WireEvent,
    socket: UserSocket,
    name: string,
    how: NonNullable<WireEvent["close"]>,
  ): WireEvent[] {
    const socketId = socket.open.get(name);
    socket.open.delete(name);
    if (socketId === undefined) return [];
    return [{ ...lineEvent(seen, socketId), type: "close", text: `${how.code} ${how.reason}`, close: how }];
  }

  function onFrame(seen: WireEvent, socket: UserSocket): readonly WireEvent[] {
    const frame = seen.binary ? undefined : readObject(seen.text);
    if (frame?.type === "welcome") socket.welcome = frame;
    if (frame?.type === "open" && seen.direction === "out") noteOpenings(socket, frame);
    if (frame?.type === "opened") return onOpened(seen, socket, frame);
    if (frame?.type === "closed") {
      const wasAsked = frame.code === undefined;
      const how = { code: wasAsked ? 1000 : 4403, reason: String(frame.code ?? ""), byUs: wasAsked };
      return close(seen, socket, String(frame.conversation), how);
    }
    if (frame?.type === "welcome" || OF_USERS.has(frame?.type)) return [];
    const name = frame?.conversation;
    if (typeof name === "string") {
      const socketId = socket.open.get(name);
      if (frame!.type === "read") {
        const user = seen.direction === "out" ? socket.user : frame!.user;
        const mark = JSON.stringify([name, user, frame!.seq]);
        if (seen.direction === "out" && socketId === undefined) early.add(mark);
        if (seen.direction === "in" && early.has(mark)) return [];
      }
      // A page that comes with an opening is asked for in the address, which a recording does not have.
      const isFirstPage = frame!.type === "history" && seen.direction === "in" && frame!.id === undefined;
      if (socketId === undefined || isFirstPage) return [];
      const { conversation: _, ...rest } = frame!;
      return [{ ...seen, socketId, text: JSON.stringify(rest) }];
    }
    const all = [...socket.open.values()];
    const isForAll =
      FOR_ALL.has(frame?.type) || (frame?.type === "error" && frame.conversation !== undefined);
    return (isForAll ? all : all.slice(0, 1)).map((socketId) => ({ ...seen, socketId }));
  }

  return (seen) => {
    const { socketId, direction, type } = seen;
    if (socketId === undefined) return [seen];
    if (direction === "line" && type === "dial") {
      const path = /^[^?]*\/ws\/[^/?]+(?=\?|$)/.exec(seen.text)?.[0];
      if (path === undefined) return [seen];
      const user = decodeURIComponent(path.slice(path.lastIndexOf("/") + 1));
      sockets.set(socketId, { path, user, welcome: {}, open: new Map(), asked: new Map() });
      return [];
    }
    const socket = sockets.get(socketId);
    if (socket === undefined) return [seen];
    if (direction === "in" || direction === "out") return onFrame(seen, socket);
    if (seen.close === undefined) return [];
    sockets.delete(socketId);
    return [...socket.open.keys()].flatMap((name) => close(seen, socket, name, seen.close!));
  };
}

function noteOpenings({ asked }: UserSocket, { conversations }: Frame): void {
  for (const entry of Array.isArray(conversations) ? (conversations as Frame[]) : [])
    if (typeof entry?.conversation === "string") asked.set(entry.conversation, entry);
}

function lineEvent({ client, at }: WireEvent, socketId: number) {
  return { client, at, socketId, direction: "line", bytes: 0 } as const;
}
