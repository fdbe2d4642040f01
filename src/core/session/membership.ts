// The rules of one conversation on a connection, as a pure step: state, event → next state and effects.
//
//   joining ──opened──▶ behind ──caught up──▶ open ──▶ left
//      └─────────────opened, nothing missed────▲
//
// The rules of the socket (token, time-outs, floods, number of waiting requests) are the step of
// core/session/connection-session.ts. server/socket/conversation/member.ts carries the effects out, and decides nothing.
import { log, NO_EFFECTS, send } from "./effects.ts";
import {
  type Behind,
  type Joining,
  LEFT,
  type Membership,
  type MembershipEffect,
  type MembershipEvent,
  type MembershipRules,
  type MembershipStep,
  type Open,
  type OpenedEvent,
  openMembership,
  type RequestFrame,
  type RequestStep,
} from "./membership-state.ts";
import { finishReading, onHistoryRead, onPosted, onReplied } from "./replies.ts";

/** One step of a membership. */
export function stepMembership(
  membership: Membership,
  event: MembershipEvent,
  rules: MembershipRules,
): MembershipStep {
  switch (event.type) {
    case "request":
      return stepRequest(membership, event.frame, rules);
    case "opened":
      return onOpened(membership, event);
    case "page_sent":
      return membership.phase === "behind"
        ? { membership: { ...membership, position: event.position }, effects: NO_EFFECTS }
        : { membership, effects: NO_EFFECTS };
    case "caught_up":
      return onCaughtUp(membership);
    case "page_left":
      return membership.phase === "open" && membership.reading === "sent"
        ? finishReading(membership, NO_EFFECTS)
        : { membership, effects: NO_EFFECTS };
    case "posted":
      return onPosted(membership, event);
    case "replied":
      return onReplied(membership, event.reply);
    case "history_read":
      return onHistoryRead(membership, event.id, event.result);
    case "rights_changed":
      return { membership: withRights(membership, event.writeRefusal), effects: NO_EFFECTS };
    case "left":
      return { membership: LEFT, effects: NO_EFFECTS };
    default:
      return event satisfies never;
  }
}

/**
 * The step of a request. The connection counts the outcome before it carries out the effects. A connection that ends
 * because of the frame drops the step.
 */
export function stepRequest(
  membership: Membership,
  frame: RequestFrame,
  rules: MembershipRules,
): RequestStep {
  if (membership.phase === "left") return { membership, effects: NO_EFFECTS, outcome: "done" };
  if (membership.phase === "joining") return hold(membership, frame, rules);
  switch (frame.type) {
    case "message":
    case "edit":
    case "erase":
    case "react":
      // Replies are sent in the order of the requests.
      return membership.phase === "behind" || membership.held > 0
        ? hold(membership, frame, rules)
        : onWrite(membership, frame);
    case "history":
      return membership.phase === "behind" || membership.reading !== undefined
        ? hold(membership, frame, rules)
        : {
            membership: { ...membership, reading: "asked" },
            effects: [{ type: "read_history", frame }],
            outcome: "asked",
          };
    case "stream_start":
    case "stream_append":
    case "stream_end":
      return membership.phase === "behind" || membership.held > 0
        ? hold(membership, frame, rules)
        : onWrite(membership, frame);
    case "stream_cancel":
      // A reader may ask a writer to stop (ST4); the store checks which reader.
      return { membership, effects: [{ type: "stream", frame }], outcome: "done" };
    case "typing":
      return onWrite(membership, frame);
    case "read":
      // `read` needs only the right to read, which every admitted client has.
      return { membership, effects: [{ type: "mark", seq: frame.seq, epoch: frame.epoch }], outcome: "done" };
    default:
      return frame satisfies never;
  }
}

function hold(membership: Joining | Behind | Open, frame: RequestFrame, rules: MembershipRules): RequestStep {
  const held = membership.held + 1;
  return {
    membership: { ...membership, held },
    effects: [{ type: "hold", frame }],
    // Frames that a paused socket has already received still arrive, at most one read buffer.
    outcome: held >= rules.maxWaiting ? "full" : "held",
  };
}

type WriteFrame = Exclude<RequestFrame, { type: "history" | "read" | "stream_cancel" }>;

/** A frame that needs the right to write. */
function onWrite(membership: Behind | Open, frame: WriteFrame): RequestStep {
  const { writeRefusal: message } = membership;
  if (message !== undefined) {
    const named = "id" in frame && frame.id !== undefined ? { id: frame.id } : {};
    const stream = "stream" in frame ? { stream: frame.stream } : {};
    const effects: MembershipEffect[] = [
      log({ event: "frame.refused", code: "forbidden", reason: message }),
      send({ type: "error", code: "forbidden", message, ...stream, ...named }),
    ];
    return { membership, effects, outcome: "done" };
  }
  switch (frame.type) {
    case "message":
      return { membership, effects: [{ type: "post", frame }], outcome: "asked" };
    case "edit":
    case "erase":
    case "react":
      return { membership, effects: [{ type: "change", frame }], outcome: "asked" };
    case "typing":
      return { membership, effects: [{ type: "typing", active: frame.active }], outcome: "done" };
    case "stream_append":
      return { membership, effects: [{ type: "stream", frame }], outcome: "done" };
    case "stream_start":
    case "stream_end":
      return { membership, effects: [{ type: "stream", frame }], outcome: "asked" };
    default:
      return frame satisfies never;
  }
}

function onOpened(
  membership: Membership,
  { behind, position, writeRefusal, shown }: OpenedEvent,
): MembershipStep {
  if (membership.phase !== "joining") return { membership, effects: NO_EFFECTS };
  const effects: MembershipEffect[] = shown === undefined ? [] : [{ type: "feed", frame: shown }];
  if (behind)
    return { membership: { phase: "behind", position, held: membership.held, writeRefusal }, effects };
  if (membership.held > 0) effects.push({ type: "release" });
  return { membership: openMembership(writeRefusal), effects };
}

function onCaughtUp(membership: Membership): MembershipStep {
  if (membership.phase !== "behind") return { membership, effects: NO_EFFECTS };
  const effects: MembershipEffect[] = [{ type: "caught_up" }];
  if (membership.held > 0) effects.push({ type: "release" });
  return { membership: openMembership(membership.writeRefusal), effects };
}

function withRights(membership: Membership, writeRefusal: string | undefined): Membership {
  switch (membership.phase) {
    case "behind":
      return { ...membership, writeRefusal };
    case "open":
      return membership.reading === undefined && membership.held === 0
        ? openMembership(writeRefusal)
        : { ...membership, writeRefusal };
    case "joining":
    case "left":
      return membership;
    default:
      return membership satisfies never;
  }
}
