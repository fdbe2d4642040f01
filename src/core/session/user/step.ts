// The rules of one conversation on the socket of a user, as a pure step: state, event → next state and effects.
//
//             open              turn               opened            close
//   outside ────────▶ queued ────────▶ opening ────────────▶ inside ────────▶ closing
//      ▲                                  │ failed              │ ended          │ all answered
//      └──────────────────────────────────┴─────────────────────┴────────────────┘
//
// Inside it the membership of membership.ts decides about requests, as on a socket of one conversation. Requests of a
// conversation are answered in their order (MX1): `open` and `close` are requests like the others.
import { type CloseReason, closeReason } from "../close-reason.ts";
import { log, NO_EFFECTS, send } from "../effects.ts";
import { stepMembership, stepRequest } from "../membership.ts";
import { JOINING, LEFT, type Open, openMembership, type RequestFrame } from "../membership-state.ts";
import { closedFrame, openingError } from "./closed.ts";
import type {
  CloseItem,
  Load,
  OpenItem,
  Outside,
  Refusals,
  UserConversation,
  UserConversationEffect,
  UserConversationEvent,
  UserConversationStep,
  UserRequest,
  UserRequestStep,
} from "./state.ts";

/** The most requests that a conversation holds (MX2). The next one is refused as `busy`. */
export const MAX_HELD_REQUESTS = 16;

/** How long a client waits after `busy`, in seconds. */
const BUSY_RETRY_S = 1;

/** The limits of core/session/membership.ts do not apply: a conversation that holds many requests does not pause the socket. */
const NO_LIMIT = { maxWaiting: Number.POSITIVE_INFINITY };

/** A conversation that is not open. */
export function outside(refusals: Refusals, waiting = 0, voided = 0): Outside {
  return { phase: "outside", refusals, waiting, voided, membership: openMembership(refusals.write) };
}

/** Whether nothing is open and nothing waits, so that the conversation can be forgotten. */
export function isForgettable(state: UserConversation): boolean {
  return (
    state.phase === "outside" &&
    state.waiting === 0 &&
    state.voided === 0 &&
    state.membership.held === 0 &&
    state.membership.reading === undefined
  );
}

/** Whether it counts as one of the open conversations of its connection (MX5). */
export function countsAsOpen({ phase }: UserConversation): boolean {
  return phase === "queued" || phase === "opening" || phase === "inside";
}

/** Whether a page of its history is being read, or waits for the line. */
export function isReading({ membership }: UserConversation): boolean {
  return membership.phase === "open" && membership.reading !== undefined;
}

/** One step of a conversation, for everything but a request. */
export function stepUserConversation(
  state: UserConversation,
  event: Exclude<UserConversationEvent, { type: "request" }>,
): UserConversationStep {
  if (state.phase === "gone") return { state, effects: onlyAnswered(event) };
  switch (event.type) {
    case "turn":
      return onTurn(state);
    case "opened":
      return onOpened(state, event);
    case "open_failed":
      return state.phase === "opening" || state.phase === "queued"
        ? refuseOpening(state, event.reason)
        : { state, effects: NO_EFFECTS };
    case "end":
      return state.phase === "inside" ? end(state, event.ending) : { state, effects: NO_EFFECTS };
    case "rights_changed":
      return onRightsChanged(state, event.refusals);
    case "posted":
    case "history_read":
    case "replied":
      return onResult(state, event);
    case "page_sent":
    case "caught_up":
    case "page_left":
      return delegate(state, event);
    case "left":
      return {
        state: { ...state, phase: "gone", membership: LEFT },
        effects: NO_EFFECTS,
      };
    default:
      return event satisfies never;
  }
}

/** The step of a request. `load` is that of the other conversations. */
export function stepUserRequest(state: UserConversation, request: UserRequest, load: Load): UserRequestStep {
  if (state.phase === "gone") return { state, effects: NO_EFFECTS, outcome: "done" };
  if (request.type === "typing" && state.phase !== "inside")
    return { state, effects: NO_EFFECTS, outcome: "done" };
  if (request.type === "read" && state.refusals.read === undefined)
    return { state, effects: [{ type: "mark", seq: request.seq, epoch: request.epoch }], outcome: "done" };
  if (state.phase === "queued" || state.phase === "opening" || state.phase === "closing")
    return hold(state, request);
  switch (request.type) {
    case "open":
    case "close":
      return onOpenOrClose(state, request, load);
    case "history":
    case "stream_cancel":
    case "read": {
      const refusal = state.refusals.read;
      if (refusal !== undefined)
        return refuse(state, closeReason(4403, { code: "forbidden", message: refusal }), request);
      return request.type === "history" && load.isReading && !isReading(state)
        ? refuse(state, BUSY_READING, request)
        : pass(state, request);
    }
    case "message":
    case "edit":
    case "erase":
    case "react":
    case "typing":
    case "stream_start":
    case "stream_append":
    case "stream_end":
      return pass(state, request);
    default:
      return request satisfies never;
  }
}

type Present = Exclude<UserConversation, { phase: "gone" }>;
type Passing = Extract<UserConversation, { phase: "outside" | "inside" }>;

/** A request that the membership decides about. */
function pass(state: Passing, frame: RequestFrame): UserRequestStep {
  const { membership, effects, outcome } = stepRequest(state.membership, frame, NO_LIMIT);
  if (outcome === "held") return hold(state, frame);
  const waiting = outcome === "asked" ? state.waiting + 1 : state.waiting;
  return {
    state: { ...state, waiting, membership } as UserConversation,
    effects: effects as readonly UserConversationEffect[],
    outcome,
  };
}

function hold(state: Present, request: UserRequest): UserRequestStep {
  const held = state.membership.held + 1;
  if (held > MAX_HELD_REQUESTS) return refuse(state, BUSY, request);
  return {
    state: { ...state, membership: { ...state.membership, held } } as UserConversation,
    effects: [{ type: "hold", frame: request }],
    outcome: "held",
  };
}

const BUSY_READING: CloseReason = closeReason(
  1013,
  { code: "busy", message: "Too many pages of history wait for the line. Ask again when they have arrived." },
  BUSY_RETRY_S,
);

const BUSY: CloseReason = closeReason(
  1013,
  {
    code: "busy",
    message: `The conversation is being opened or is catching up, and ${MAX_HELD_REQUESTS} requests wait for that.`,
  },
  BUSY_RETRY_S,
);

function refuse(state: UserConversation, reason: CloseReason, request: UserRequest): UserRequestStep {
  const error = openingError(reason, "id" in request ? request.id : undefined);
  return {
    state,
    effects: [log({ event: "frame.refused", code: error.code, reason: error.message }), send(error)],
    outcome: "done",
  };
}

/** `open` leaves a room that is open and joins again; `close` leaves it. Both come after what is held. */
function onOpenOrClose(state: Passing, item: OpenItem | CloseItem, load: Load): UserRequestStep {
  const { membership, refusals, waiting, voided } = state;
  if (membership.phase === "open" && (membership.held > 0 || membership.reading !== undefined))
    return hold(state, item);
  const leave: UserConversationEffect[] =
    state.phase === "inside" ? [{ type: "leave", reopens: item.type === "open" }] : [];
  if (membership.held > 0) {
    // The client was catching up. What it requested before is carried out first, without the rest of the messages.
    const effects: UserConversationEffect[] = [...leave, { type: "hold", frame: item }, { type: "release" }];
    return { state: outside(refusals, waiting, voided), effects, outcome: "held" };
  }
  if (item.type === "close") {
    if (waiting === 0)
      return {
        state: outside(refusals, 0, voided),
        effects: [...leave, send(closedFrame())],
        outcome: "done",
      };
    const closing = { ...outside(refusals, waiting, voided), phase: "closing" } as const;
    return { state: closing, effects: leave, outcome: "done" };
  }
  if (load.isFull) {
    const refused = refuse(outside(refusals, waiting, voided), TOO_MANY, item);
    return { ...refused, effects: [...leave, ...refused.effects] };
  }
  return {
    state: { phase: "queued", item, refusals, waiting, voided, membership: JOINING },
    effects: waiting === 0 ? [...leave, { type: "queue" }] : leave,
    outcome: "done",
  };
}

const TOO_MANY: CloseReason = closeReason(1013, {
  code: "too_many_conversations",
  message:
    "As many conversations are open on this socket as may be; `welcome.limits` has the number. Close one first.",
});

function onTurn(state: Present): UserConversationStep {
  if (state.phase !== "queued") return { state, effects: NO_EFFECTS };
  const { refusals, item } = state;
  if (refusals.read !== undefined)
    return refuseOpening(state, closeReason(4403, { code: "forbidden", message: refusals.read }));
  return { state: { ...state, phase: "opening" }, effects: [{ type: "join", item }] };
}

function onOpened(
  state: Present,
  event: Extract<UserConversationEvent, { type: "opened" }>,
): UserConversationStep {
  if (state.phase !== "opening") return { state, effects: NO_EFFECTS };
  const { refusals, voided } = state;
  const { membership, effects } = stepMembership(
    state.membership,
    { ...event, writeRefusal: refusals.write },
    NO_LIMIT,
  );
  return {
    state: { phase: "inside", refusals, waiting: 0, voided, membership: membership as Open },
    effects: [...(effects as UserConversationEffect[]), ...(event.behind ? CATCHING_UP : [])],
  };
}

const CATCHING_UP: readonly UserConversationEffect[] = [{ type: "catching_up" }];

function refuseOpening(
  state: Extract<UserConversation, { phase: "queued" | "opening" }>,
  reason: CloseReason,
): UserConversationStep {
  const { refusals, waiting, voided, item } = state;
  const error = openingError(reason, item.id);
  const effects: UserConversationEffect[] = [
    log({ event: "frame.refused", code: error.code, reason: error.message }),
    send(error),
  ];
  if (state.membership.held > 0) effects.push({ type: "release" });
  return { state: outside(refusals, waiting, voided), effects };
}

/**
 * The server closes an open conversation. Nothing of it comes after `closed`: what waits for the line is dropped, and
 * requests that are not answered yet are not answered any more, as when a socket of one conversation is closed. An ack that
 * came after dropped messages would make a client believe that it has them.
 */
function end(
  state: Extract<UserConversation, { phase: "inside" }>,
  ending: CloseReason,
): UserConversationStep {
  const { refusals, waiting, voided, membership } = state;
  const frame = closedFrame(ending);
  const effects: UserConversationEffect[] = [
    { type: "leave", reopens: false },
    { type: "drop" },
    log({ event: "conversation.closed", code: frame.code! }),
    send(frame),
  ];
  if (membership.held > 0) effects.push({ type: "release" });
  return { state: outside(refusals, 0, waiting + voided), effects };
}

function onRightsChanged(state: Present, refusals: Refusals): UserConversationStep {
  if (state.phase === "inside" && refusals.read !== undefined)
    return end({ ...state, refusals }, closeReason(4403, { code: "forbidden", message: refusals.read }));
  const event = { type: "rights_changed", writeRefusal: refusals.write } as const;
  const { membership } = stepMembership(state.membership, event, NO_LIMIT);
  return { state: { ...state, refusals, membership } as UserConversation, effects: NO_EFFECTS };
}

function onResult(
  state: Present,
  event: Extract<UserConversationEvent, { type: "posted" | "history_read" | "replied" }>,
): UserConversationStep {
  if (state.voided > 0)
    return { state: { ...state, voided: state.voided - 1 }, effects: onlyAnswered(event) };
  // While an `open` waits for this answer the membership does not exist yet, and the answer is that of a conversation that is
  // not open.
  const { membership, effects } = stepMembership(
    state.membership.phase === "joining" ? openMembership(state.refusals.write) : state.membership,
    event,
    NO_LIMIT,
  );
  const waiting = state.waiting - 1;
  const next = {
    ...state,
    waiting,
    membership: state.membership.phase === "joining" ? state.membership : membership,
  } as Present;
  const replies = effects.flatMap((effect) =>
    effect.type === "end" ? [] : [effect],
  ) as UserConversationEffect[];
  const removed = effects.find((effect) => effect.type === "end");
  if (removed !== undefined) {
    const id = event.type === "replied" ? event.reply.id : event.id;
    replies.push(send(openingError(removed.ending, id)));
    if (next.phase === "inside") {
      const ended = end(next, removed.ending);
      return { state: ended.state, effects: [...replies, ...ended.effects] };
    }
  }
  if (waiting > 0) return { state: next, effects: replies };
  if (next.phase === "queued") return { state: next, effects: [...replies, { type: "queue" }] };
  if (next.phase !== "closing") return { state: next, effects: replies };
  replies.push(send(closedFrame()));
  if (next.membership.held > 0) replies.push({ type: "release" });
  return { state: outside(next.refusals, 0, next.voided), effects: replies };
}

function delegate(
  state: Present,
  event: Extract<UserConversationEvent, { type: "page_sent" | "caught_up" | "page_left" }>,
): UserConversationStep {
  if (state.membership.phase === "joining") return { state, effects: NO_EFFECTS };
  const { membership, effects } = stepMembership(state.membership, event, NO_LIMIT);
  return {
    state: { ...state, membership } as UserConversation,
    effects: effects as readonly UserConversationEffect[],
  };
}

/** After the end of the connection the store's results are only counted. */
function onlyAnswered({ type }: UserConversationEvent): readonly UserConversationEffect[] {
  return type === "posted" || type === "history_read" || type === "replied"
    ? [{ type: "answered", quota: undefined }]
    : NO_EFFECTS;
}
