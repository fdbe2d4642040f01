// The life of a stream as its writer sees it, as a pure step.

/** How a writer ends its stream. */
export interface StreamEnd {
  /** `failed`: the text is not complete. Default: `done`, or `cancelled` after a request to stop. */
  readonly state?: "done" | "failed" | undefined;
  /** Replaces the message's data. */
  readonly data?: object | undefined;
}

interface Append {
  readonly n: number;
  readonly text: string;
  readonly data?: object | undefined;
}

export interface StreamState {
  /**
   * `taking_over`: the line was cut, and the stream is started again under its id. `ending`: its end was sent. `ended`: its
   * message is stored. `failed`: it was refused, or another writer has it.
   */
  readonly state: "starting" | "open" | "taking_over" | "ending" | "ended" | "failed";
  /** The server's handle, once it is known. */
  readonly stream?: string | undefined;
  /** The number of the newest append that was sent. */
  readonly n: number;
  /** Appends that were sent and are not stored, the oldest first. */
  readonly kept: readonly Append[];
  /** What is not sent. */
  readonly text: string;
  readonly data?: object | undefined;
  /** The application has ended it. */
  readonly end?: StreamEnd | undefined;
  /** Nothing is appended any more: the message has its largest size. */
  readonly isFull: boolean;
}

/** A refusal, as the server sends it. */
export interface StreamRefusal {
  readonly code: string;
  readonly n?: number | undefined;
  readonly retry_after?: number | undefined;
}

export type StreamEvent =
  | { readonly type: "write"; readonly text: string; readonly data?: object | undefined }
  | { readonly type: "end"; readonly end: StreamEnd }
  | { readonly type: "started"; readonly stream: string; readonly n: number }
  | { readonly type: "stored"; readonly n: number }
  /** The message is stored. */
  | { readonly type: "acked" }
  | { readonly type: "cancel" }
  /** An error about the stream. */
  | { readonly type: "refused"; readonly refusal: StreamRefusal }
  /** The start was refused for good. */
  | { readonly type: "rejected" }
  /** What is not stored is sent again. */
  | { readonly type: "retry" }
  | { readonly type: "cut" }
  /** The next append may be sent. */
  | { readonly type: "turn" };

export type StreamEffect =
  | { readonly type: "start" }
  | { readonly type: "append"; readonly append: Append }
  | { readonly type: "end"; readonly end: StreamEnd }
  /** The application is to stop. */
  | { readonly type: "abort" }
  | { readonly type: "retry"; readonly seconds: number };

export interface StreamStep {
  readonly state: StreamState;
  readonly effects: readonly StreamEffect[];
}

export const NEW_STREAM: StreamState = { state: "starting", n: 0, kept: [], text: "", isFull: false };

/** Most UTF-16 units of an append: at most 15,000 bytes, below the server's bound. */
export const MAX_APPEND_LENGTH = 5_000;

/** Bytes of data, as JSON, that an append has room for beside as much text as it may have. */
const MAX_DATA_BESIDE_TEXT = 30_000;

/** The bytes of a value as JSON. Throws where it has none. */
export const jsonLength = (value: object): number => new TextEncoder().encode(JSON.stringify(value)).length;

/** The wait after a refusal that ends by itself, where the server names none. */
const RETRY_SECONDS = 1;

/** Returns how much is written and not stored, in UTF-16 units. */
export const unstoredLength = ({ kept, text }: StreamState): number =>
  kept.reduce((sum, append) => sum + append.text.length, text.length);

/** Whether something waits for its turn. */
export const hasTurn = (state: StreamState): boolean =>
  state.state === "open" && (nextLength(state) > 0 || state.data !== undefined || state.end !== undefined);

/** One step of a stream: returns the state after `event`, and the effects. */
export function streamStep(state: StreamState, event: StreamEvent): StreamStep {
  const { kept } = state;
  const unchanged: StreamStep = { state, effects: [] };
  const isOver = state.state === "ended" || state.state === "failed";
  const isSent = state.state === "open" || state.state === "ending";
  if (isOver) return unchanged;
  switch (event.type) {
    case "write": {
      if (state.end !== undefined || state.isFull) return unchanged;
      return only({ ...state, text: state.text + event.text, data: event.data ?? state.data });
    }
    case "end":
      return state.end === undefined ? only({ ...state, end: event.end }) : unchanged;
    case "started": {
      if (isSent) return unchanged;
      // What the server does not have is numbered again: it was the only writer, and what was sent before is fenced.
      const missing = kept.filter(({ n }) => n > event.n);
      return only({
        ...state,
        state: "open",
        stream: event.stream,
        n: event.n,
        kept: [],
        text: missing.map(({ text }) => text).join("") + state.text,
        data: state.data ?? missing.findLast(({ data }) => data !== undefined)?.data,
      });
    }
    case "stored":
      return isSent ? only({ ...state, kept: kept.filter(({ n }) => n > event.n) }) : unchanged;
    case "acked":
      return {
        state: { ...state, state: "ended", kept: [], text: "" },
        // Nothing more is needed of an application that did not end it: the message was stored already.
        effects: state.end === undefined ? [{ type: "abort" }] : [],
      };
    case "cancel":
      return { state, effects: [{ type: "abort" }] };
    case "rejected":
      return fail(state);
    case "cut":
      // A start that waits is sent again by itself.
      return isSent ? { state: { ...state, state: "taking_over" }, effects: [{ type: "start" }] } : unchanged;
    case "retry":
      return isSent ? { state, effects: sendAgain(state, kept) } : unchanged;
    case "refused":
      return isSent ? refuse(state, event.refusal) : unchanged;
    default:
      event satisfies { type: "turn" };
      return hasTurn(state) ? turn(state) : unchanged;
  }
}

const only = (state: StreamState): StreamStep => ({ state, effects: [] });

const fail = (state: StreamState): StreamStep => ({
  state: { ...state, state: "failed", kept: [], text: "" },
  effects: [{ type: "abort" }],
});

function refuse(state: StreamState, { code, n, retry_after }: StreamRefusal): StreamStep {
  if (retry_after !== undefined || code === "unavailable" || code === "internal")
    return { state, effects: [{ type: "retry", seconds: retry_after ?? RETRY_SECONDS }] };
  if (code === "conflict" && n !== undefined) {
    const missing = state.kept.filter((append) => append.n > n);
    // The server may have less than it said was stored: that text is not here any more.
    return missing[0]?.n === n + 1 ? { state, effects: sendAgain(state, missing) } : fail(state);
  }
  const { state: failed, effects } = fail(state);
  // The draft stays, and is open until it is ended.
  if (code === "invalid" || (code === "too_large" && state.state === "ending"))
    return { state: failed, effects: [END_AS_FAILED, ...effects] };
  if (code === "too_large" && !state.isFull)
    return { state: { ...state, kept: [], text: "", data: undefined, isFull: true }, effects };
  return code === "too_large" ? only(state) : { state: failed, effects };
}

const END_AS_FAILED: StreamEffect = { type: "end", end: { state: "failed" } };

/** Appends keep their numbers here: one that did arrive is ignored by the server. */
const sendAgain = ({ state, end }: StreamState, appends: readonly Append[]): readonly StreamEffect[] => [
  ...appends.map((append) => ({ type: "append", append }) as const),
  ...(state === "ending" ? [{ type: "end", end: end! } as const] : []),
];

/** How much of the text the next append takes: no half of a character, unless nothing follows it. */
function nextLength({ text, end, data }: StreamState): number {
  // A frame has room for much data or for much text.
  const most = data !== undefined && jsonLength(data) > MAX_DATA_BESIDE_TEXT ? 0 : MAX_APPEND_LENGTH;
  const length = Math.min(text.length, most);
  const isHalf = /[\ud800-\udbff]/.test(text.charAt(length - 1));
  return isHalf && (end === undefined || length < text.length) ? length - 1 : length;
}

function turn(state: StreamState): StreamStep {
  const length = nextLength(state);
  const effects: StreamEffect[] = [];
  let next = state;
  if (length > 0 || state.data !== undefined) {
    const { data } = state;
    // The server refuses half of a character: UTF-8 cannot hold it.
    const text = state.text.slice(0, length).replace(/\p{Surrogate}/gu, "\ufffd");
    const append = { n: state.n + 1, text, ...(data && { data }) };
    effects.push({ type: "append", append });
    next = {
      ...state,
      n: append.n,
      kept: [...state.kept, append],
      text: state.text.slice(length),
      data: undefined,
    };
  }
  if (next.end !== undefined && next.text === "") {
    effects.push({ type: "end", end: next.end });
    next = { ...next, state: "ending" };
  }
  return { state: next, effects };
}
