// Analyzes a client's connection from its frames, in order. It has no clock and no I/O, so that a recording always gives
// the same result.
//
//    message seq   …  7   8   9  12      10       11      9
//                             └─ gap ─┘  late     late    repeat
import { describeClose } from "../../protocol/close-codes.ts";
import { type Annotation, type FrameAnnotations, readObject, type WireEvent } from "./frame.ts";

/** The statistics of a client's connection after the frames so far. Times are milliseconds since 1970. */
export interface ConnectionStats {
  /** The newest `seq` of the conversation that the last frame with one was about; 0 before the first. */
  readonly seq: number;
  /** The server's id of the connection, from its last `welcome`; missing while it is not open. */
  readonly connection?: string;
  /** The last ack time, in milliseconds, and when it arrived. */
  readonly ack?: { readonly took: number; readonly at: number };
  /** When the server will close for inactivity; missing if it never does. */
  readonly idleAt?: number;
}

/** Analyzes the frames of one client in order. */
export interface FrameAnalyzer {
  analyze(seen: WireEvent): FrameAnnotations;
  stats(): ConnectionStats;
}

/** Most requests that wait for a reply; older ones are dropped. */
export const MAX_WAITING = 10_000;

/** Most ranges of missing numbers that are kept. */
const MAX_HOLES = 1_000;

const NO_ANNOTATIONS: FrameAnnotations = { marks: [] };

/** Client frames that count as activity (I1). */
const ACTIVITY: ReadonlySet<string> = new Set(["message", "history", "typing", "read", "activity"]);

/** Server frames that reply to a client frame by its `id`, with the type that they reply to. */
const REQUEST_OF_REPLY: Readonly<Record<string, string>> = {
  ack: "message",
  history: "history",
  pong: "ping",
};

/** What is known of one conversation. On a socket of one conversation its name is empty. */
interface Lane {
  /** The newest `seq` of any frame. */
  seq: number;
  epoch?: string;
  /** The newest received message; undefined before the conversation was opened. */
  last?: number | undefined;
  holes: readonly Hole[];
}

interface Hole {
  readonly first: number;
  readonly last: number;
}

/** Creates an analyzer for a client's frames. */
export function createFrameAnalyzer(): FrameAnalyzer {
  /** When each request was sent, by its type and id. */
  const waiting = new Map<string, number>();
  const lanes = new Map<string, Lane>();
  let stats: ConnectionStats = { seq: 0 };
  /** Seconds until the server closes an inactive connection; 0: never. */
  let timeout = 0;

  function laneOf({ conversation }: Readonly<Record<string, unknown>>): Lane {
    const name = typeof conversation === "string" ? conversation : "";
    const lane = lanes.get(name) ?? { seq: 0, holes: [] };
    lanes.set(name, lane);
    return lane;
  }

  function updateNewest(lane: Lane, seq: unknown): number | undefined {
    if (typeof seq !== "number") return undefined;
    lane.seq = Math.max(lane.seq, seq);
    if (stats.seq !== lane.seq) stats = { ...stats, seq: lane.seq };
    return seq;
  }

  function onActivity(at: number): void {
    if (timeout > 0) stats = { ...stats, idleAt: at + timeout * 1000 };
  }

  function onSent(frame: Readonly<Record<string, unknown>>, at: number): FrameAnnotations {
    const { type, id, seq } = frame;
    if (typeof type !== "string") return NO_ANNOTATIONS;
    if (ACTIVITY.has(type)) onActivity(at);
    if (type !== "message" && type !== "history" && type !== "ping" && type !== "token") {
      return typeof seq === "number" ? { seq, marks: [] } : NO_ANNOTATIONS;
    }
    const key = keyOf(type, id);
    const isResent = type === "message" && typeof id === "string" && waiting.has(key);
    waiting.set(key, at);
    if (waiting.size > MAX_WAITING) waiting.delete(waiting.keys().next().value!);
    return isResent
      ? { marks: [mark("again", "fine", `The same id as before: ${id}. It is stored once.`)] }
      : NO_ANNOTATIONS;
  }

  /** Returns how long the request `key` took; only once per request. */
  function takeRoundTrip(key: string, at: number): { roundTrip: number } | undefined {
    const sent = waiting.get(key);
    if (sent === undefined) return undefined;
    waiting.delete(key);
    return { roundTrip: at - sent };
  }

  function onReceived(frame: Readonly<Record<string, unknown>>, at: number): FrameAnnotations {
    switch (frame.type) {
      case "welcome":
        return onWelcome(frame, at);
      case "opened":
        return onOpened(frame);
      case "message":
        return onMessage(frame);
      case "ack": {
        const time = takeRoundTrip(keyOf("message", frame.id), at);
        const seq = updateNewest(laneOf(frame), frame.seq);
        if (time !== undefined) {
          stats = { ...stats, ack: { took: time.roundTrip, at } };
          onActivity(at);
        }
        const marks =
          frame.duplicate === true
            ? [
                mark(
                  "duplicate",
                  "fine",
                  "Was stored before under this id: the first one's number, and no charge.",
                ),
              ]
            : [];
        return { ...(seq !== undefined && { seq }), ...time, marks };
      }
      case "error": {
        const { code, message, id } = frame;
        // Only a request with an id can be distinguished from others.
        const types = typeof id === "string" ? ["message", "history", "ping"] : [];
        const time = types.map((type) => takeRoundTrip(keyOf(type, id), at)).find((one) => one !== undefined);
        return { ...time, marks: [mark("refused", "error", `${code}: ${message}`)] };
      }
      case "closed":
        return frame.code === undefined
          ? NO_ANNOTATIONS
          : {
              marks: [
                mark("close", "warning", `${frame.code}: ${frame.message ?? "the conversation was closed"}`),
              ],
            };
      case "closing": {
        const { code } = frame;
        return typeof code === "number"
          ? { marks: [closeMark(code, String(frame.reason ?? ""))] }
          : NO_ANNOTATIONS;
      }
      case "read":
      case "presence":
      case "typing": {
        const seq = updateNewest(laneOf(frame), frame.seq);
        return seq === undefined ? NO_ANNOTATIONS : { seq, marks: [] };
      }
      case "token_accepted":
        return { ...takeRoundTrip("token", at), marks: [] };
      case "warning":
        return { marks: [mark("refused", "warning", `${frame.code}: ${frame.message}`)] };
      default: {
        const request = REQUEST_OF_REPLY[String(frame.type)];
        if (request === undefined) return NO_ANNOTATIONS;
        const time = takeRoundTrip(keyOf(request, frame.id), at);
        if (request === "history" && time !== undefined) onActivity(at);
        return time === undefined ? NO_ANNOTATIONS : { ...time, marks: [] };
      }
    }
  }

  function onWelcome(frame: Readonly<Record<string, unknown>>, at: number): FrameAnnotations {
    const { connection, inactivity } = frame;
    timeout = Number((inactivity as { timeout?: unknown } | undefined)?.timeout ?? 0);
    const { idleAt: _before, ...rest } = stats;
    stats = { ...rest, connection: String(connection) };
    onActivity(at);
    // Only the `welcome` of a socket of one conversation has what `opened` has.
    return "epoch" in frame ? onOpened(frame) : NO_ANNOTATIONS;
  }

  function onOpened(frame: Readonly<Record<string, unknown>>): FrameAnnotations {
    const { epoch, resumed, lost, skipped } = frame;
    const lane = laneOf(frame);
    const marks: Annotation[] = [];
    const before = lane.epoch;
    if (before !== undefined && before !== epoch) {
      marks.push(
        mark(
          "epoch",
          "warning",
          `The store has a new epoch: ${before} became ${epoch}. Numbers count from 1 again.`,
        ),
      );
      lane.seq = 0;
    }
    const seq = updateNewest(lane, frame.seq);
    if (typeof lost === "object" && lost !== null) {
      const { first, last: end } = lost as { first?: unknown; last?: unknown };
      marks.push(mark("lost", "error", `#${first} to #${end} were missed and are no longer kept.`));
      lane.last = Math.max(lane.last ?? 0, Number(end));
    }
    // Messages that were not asked for are not missing.
    const jump = Number((skipped as { last?: unknown } | undefined)?.last ?? 0);
    if (lane.last !== undefined && jump > lane.last) lane.last = jump;
    // New messages follow after `seq`; a resumed connection continues after the last received message.
    if (resumed !== true || lane.last === undefined || before !== epoch) {
      lane.last = seq ?? 0;
      lane.holes = [];
    }
    lane.epoch = String(epoch);
    return { ...(seq !== undefined && { seq }), marks };
  }

  function onMessage(frame: Readonly<Record<string, unknown>>): FrameAnnotations {
    const lane = laneOf(frame);
    const seq = updateNewest(lane, frame.seq);
    const { last } = lane;
    if (seq === undefined) return NO_ANNOTATIONS;
    if (last === undefined || seq === last + 1) {
      lane.last = seq;
      return { seq, marks: [] };
    }
    if (seq > last) {
      const hole = { first: last + 1, last: seq - 1 };
      lane.holes = [...lane.holes.slice(1 - MAX_HOLES), hole];
      lane.last = seq;
      const missing = hole.first === hole.last ? `#${hole.first} is` : `#${hole.first} to #${hole.last} are`;
      return { seq, marks: [mark("gap", "error", `${missing} missing before this message (D1).`)] };
    }
    if (lane.holes.some((hole) => hole.first <= seq && seq <= hole.last)) {
      lane.holes = lane.holes.flatMap((hole) => without(hole, seq));
      return { seq, marks: [mark("late", "error", `#${seq} arrived after #${last}: out of order (D1).`)] };
    }
    return { seq, marks: [mark("repeat", "error", `#${seq} was already received (D4).`)] };
  }

  function onLine({ type, close }: WireEvent): FrameAnnotations {
    if (type === "dial" || type === "close") {
      const { idleAt: _idle, connection: _connection, ...rest } = stats;
      stats = rest;
      // Requests on a lost connection get no reply, except messages, which are sent again with their id.
      for (const key of waiting.keys()) if (!key.startsWith("message\n")) waiting.delete(key);
    }
    return close === undefined ? NO_ANNOTATIONS : { marks: [closeMark(close.code, close.reason)] };
  }

  return {
    stats: () => stats,
    analyze(seen) {
      if (seen.direction === "line") return onLine(seen);
      if (seen.direction === "fault" || seen.binary) return NO_ANNOTATIONS;
      const frame = readObject(seen.text);
      if (frame === undefined) return NO_ANNOTATIONS;
      return seen.direction === "out" ? onSent(frame, seen.at) : onReceived(frame, seen.at);
    },
  };
}

/** Replies without an `id` belong to the last request without one. */
function keyOf(type: string, id: unknown): string {
  return type === "token" ? type : `${type}\n${typeof id === "string" ? id : ""}`;
}

function mark(kind: Annotation["kind"], severity: Annotation["severity"], text: string): Annotation {
  return { kind, severity, text };
}

function closeMark(code: number, reason: string): Annotation {
  const entry = describeClose(code);
  const severity = code === 1000 ? "fine" : code >= 4000 ? "error" : "warning";
  return mark("close", severity, `${code} ${reason || entry.reason}: ${entry.advice}`);
}

function without({ first, last }: Hole, seq: number): Hole[] {
  if (seq < first || seq > last) return [{ first, last }];
  return [
    { first, last: seq - 1 },
    { first: seq + 1, last },
  ].filter((hole) => hole.first <= hole.last);
}
