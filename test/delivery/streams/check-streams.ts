import type { StoredConversation } from "../record.ts";
import {
  decodeTokens,
  type StreamEnd,
  type StreamReaderRecord,
  type Token,
  type WrittenStream,
} from "./stream-record.ts";

type Message = StoredConversation["messages"][number];

export type StreamViolationKind =
  /** ST1: a text that is not the appends 1, 2, 3 … of one stream, each once. */
  | "text"
  /** ST3: less is stored than the server said. */
  | "lost"
  /** ST1: no message, or more than one. */
  | "messages"
  /** ST3: the message has another state than its end. */
  | "state"
  /** ST2: a writer wrote on after another one had taken the stream over. */
  | "fence"
  /** ST1: a reader's text has a hole, or a frame of a stream came after its message or to a client that did not ask. */
  | "reader"
  /** ST1: a reader received another message than is stored. */
  | "differs"
  | "refused"
  | "crash";

export interface StreamViolation {
  readonly kind: StreamViolationKind;
  readonly text: string;
}

export interface StreamRun {
  readonly written: readonly WrittenStream[];
  readonly readers: readonly StreamReaderRecord[];
  /** The messages of each conversation. */
  readonly stored: ReadonlyMap<string, readonly Message[]>;
}

/** Compares what the store holds, and what readers were shown, with what was written. */
export function checkStreams({ written, readers, stored }: StreamRun): StreamViolation[] {
  return [
    ...written.flatMap((stream) => checkStored(stream, stored.get(stream.conversation) ?? [])),
    ...readers.flatMap((reader) => checkReader(reader, stored.get(reader.conversation) ?? [])),
  ];
}

function checkStored(stream: WrittenStream, messages: readonly Message[]): StreamViolation[] {
  const { id, user, conversation, ending, length } = stream;
  const name = `${conversation} ${id}`;
  const own = messages.filter((message) => message.from === user && message.id === id);
  if (own.length !== 1) return [{ kind: "messages", text: `${name} has ${own.length} messages` }];
  const [message] = own as [Message];
  const tokens = sequenceOf(message.text, id);
  if (tokens === undefined) return [{ kind: "text", text: `${name}: ${ends(message.text)}` }];
  const violations: StreamViolation[] = [];
  if (tokens.length < stream.stored)
    violations.push({
      kind: "lost",
      text: `${name}: ${stream.stored} were stored, ${tokens.length} are there`,
    });
  const isWhole = message.stream?.state !== "interrupted";
  if (isWhole && tokens.length !== length)
    violations.push({ kind: "lost", text: `${name}: ${length} were ended, ${tokens.length} are there` });
  if (!statesOf(ending).includes(message.stream?.state ?? "none"))
    violations.push({ kind: "state", text: `${name}: ${message.stream?.state}, not ${statesOf(ending)}` });
  if (ending !== undefined && ending.seq !== message.seq)
    violations.push({ kind: "messages", text: `${name}: acked as ${ending.seq}, stored as ${message.seq}` });
  return [...violations, ...checkTurns(stream, tokens)];
}

/** The states that the message of a stream may have. A writer that comes back after the lease finds it interrupted. */
function statesOf(ending: StreamEnd | undefined): readonly string[] {
  if (ending === undefined) return ["interrupted"];
  return ending.duplicate ? [ending.state, "interrupted"] : [ending.state];
}

/**
 * What a connection found stored was written by those before it, and all that follows by it or those after it. A connection that asks
 * again, as it does when the store was away for a moment, finds what it has written itself, too.
 */
function checkTurns({ turns, id, conversation }: WrittenStream, tokens: readonly Token[]): StreamViolation[] {
  return turns.flatMap((turn, index) => {
    const isFirst = !turns.slice(0, index).some(({ connection }) => connection === turn.connection);
    const newest = isFirst ? turn.connection - 1 : turn.connection;
    const late = tokens.find(({ n, connection }) =>
      n > turn.n ? connection < turn.connection : connection > newest,
    );
    if (late === undefined) return [];
    const text = `${conversation} ${id}: connection ${turn.connection} took over after ${turn.n}, and ${late.n} is of ${late.connection}`;
    return [{ kind: "fence", text } as const];
  });
}

function checkReader(reader: StreamReaderRecord, messages: readonly Message[]): StreamViolation[] {
  const { name, conversation, readsStreams, frames } = reader;
  const violations: StreamViolation[] = [];
  const say = (kind: StreamViolationKind, text: string) =>
    violations.push({ kind, text: `${conversation} ${name}: ${text}` });
  const shown = new Map<string, { n: number; id: string }>();
  const ended = new Set<string>();
  const bySeq = new Map(messages.map((message) => [message.seq, message]));
  for (const frame of frames) {
    if (frame.type === "message") {
      if (frame.stream !== undefined) ended.add(frame.stream.stream);
      const kept = bySeq.get(frame.seq);
      if (kept?.text !== frame.text || kept.id !== frame.id) say("differs", `message ${frame.seq}`);
      continue;
    }
    const { stream, n } = frame;
    if (!readsStreams) say("reader", `a ${frame.type} that it did not ask for`);
    if (ended.has(stream)) say("reader", `a ${frame.type} of ${stream} after its message`);
    const before = frame.type === "stream" ? { n: 0, id: frame.id } : shown.get(stream);
    if (before === undefined) {
      say("reader", `an append to ${stream}, of which it has nothing`);
      continue;
    }
    const tokens = sequenceOf(frame.text, before.id, before.n);
    if (frame.type === "stream_append" && frame.after !== before.n)
      say("reader", `an append after ${frame.after} of ${before.id}, of which it has ${before.n}`);
    else if (tokens === undefined || before.n + tokens.length !== n)
      say("reader", `${frame.type} ${n} of ${before.id} after ${before.n}: ${ends(frame.text)}`);
    shown.set(stream, { n, id: before.id });
  }
  return violations;
}

/** The appends of a text, if they are those of `id` that follow `after`, each once and in order. */
function sequenceOf(text: string, id: string, after = 0): Token[] | undefined {
  const tokens = decodeTokens(text);
  const isSequence = tokens?.every((token, i) => token.id === id && token.n === after + i + 1);
  return isSequence ? tokens : undefined;
}

function ends(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 60)} … ${text.slice(-60)}`;
}
