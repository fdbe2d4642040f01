// The frames that one connection still expects, and the matching of received frames.
import { type CompareContext, compareFrames, type Difference } from "../compare/compare-frames.ts";
import { laneOf, UNORDERED_LANES } from "../compare/field-rules.ts";
import { isMatcher } from "../format/matchers.ts";
import { type Payload, typeOf } from "../format/recording.ts";
import type { Expectation } from "./plan.ts";

type ExpectedFrame = Extract<Expectation, { kind: "receive" }>;

/** How far ahead of the next expected frame a match is searched: more frames are hardly in flight at once. */
const MAX_LOOK_AHEAD = 200;

/** The expectation that a frame was matched with, and their differences. */
export interface Match {
  readonly step: ExpectedFrame;
  readonly differences: readonly Difference[];
  /** Earlier expectations of the lane, now missing: frames of a lane arrive in order. */
  readonly skipped: readonly ExpectedFrame[];
}

/** Expectations in order; those before `head` are done. An index avoids moving thousands of them for each match. */
interface Lane {
  readonly steps: ExpectedFrame[];
  head: number;
}

/** The frames that a connection expects, by lane. */
export class ExpectationLanes {
  private readonly lanes = new Map<string, Lane>();

  constructor(expectations: readonly ExpectedFrame[]) {
    for (const step of expectations) {
      const lane = this.lanes.get(step.lane);
      if (lane === undefined) this.lanes.set(step.lane, { steps: [step], head: 0 });
      else lane.steps.push(step);
    }
  }

  /** Returns the frames that were not received yet. */
  remaining(): ExpectedFrame[] {
    return [...this.lanes.values()]
      .flatMap(({ steps, head }) => steps.slice(head))
      .sort((a, b) => a.index - b.index);
  }

  /** Matches a frame with the expectation that it equals or was intended for; returns undefined if no similar frame is expected. */
  match(payload: Payload, context: CompareContext): Match | undefined {
    const name = laneOf(typeOf(payload), payload.frame?.code);
    const lane = this.lanes.get(name);
    if (lane === undefined) return undefined;
    let intended: number | undefined;
    for (let index = 0; index < MAX_LOOK_AHEAD && lane.head + index < lane.steps.length; index++) {
      const step = lane.steps[lane.head + index]!;
      const { differences, learn } = compareEntry(step, payload, context);
      if (differences.length === 0) {
        learn();
        return { step, differences, skipped: remove(lane, index, UNORDERED_LANES.has(name)) };
      }
      if (intended === undefined && isIntended(step, payload, context, index)) intended = index;
    }
    if (intended === undefined) return undefined;
    const step = lane.steps[lane.head + intended]!;
    const { differences, learn } = compareEntry(step, payload, context);
    learn();
    remove(lane, intended, true);
    return { step, differences, skipped: [] };
  }

  /** Returns the last frame of a lane, received or not. */
  last(name: string): ExpectedFrame | undefined {
    return this.lanes.get(name)?.steps.at(-1);
  }

  /** Returns the next expected frame of a lane. */
  first(name: string): ExpectedFrame | undefined {
    const lane = this.lanes.get(name);
    return lane?.steps[lane.head];
  }
}

/** Removes an expectation. Those before it stay if `keepsOthers`; otherwise they are removed and returned. */
function remove(lane: Lane, index: number, keepsOthers: boolean): ExpectedFrame[] {
  if (index > 0 && keepsOthers) {
    lane.steps.splice(lane.head + index, 1);
    return [];
  }
  const skipped = lane.steps.slice(lane.head, lane.head + index);
  lane.head += index + 1;
  return skipped;
}

/** Compares a received frame with one expectation. */
export function compareEntry(step: ExpectedFrame, received: Payload, context: CompareContext) {
  const { entry } = step;
  if (entry.frame !== undefined && received.frame !== undefined)
    return compareFrames(entry.frame, received.frame, context);
  const [expected, got] = [entry.raw ?? entry.bytes, received.raw ?? received.bytes];
  const isSame = entry.frame === undefined && received.frame === undefined && expected === got;
  const differences = isSame ? [] : [{ path: "text", expected, received: got }];
  return { differences, learn: () => {} };
}

/**
 * Whether a frame that differs from an expectation was still intended as that frame: it has the same id, or, without an
 * id, it is the next one of its type.
 */
function isIntended(
  { entry }: ExpectedFrame,
  received: Payload,
  { mapping, kind }: CompareContext,
  index: number,
): boolean {
  const { frame } = entry;
  if (frame === undefined || received.frame === undefined) return frame === received.frame && index === 0;
  if (frame.type !== received.frame.type) return false;
  if (typeof frame.id === "string") {
    const id = mapping.id(frame.id);
    if (id !== undefined) return id === received.frame.id;
    return index === 0 && typeof received.frame.id === "string" && mapping.isNewId(received.frame.id);
  }
  if (index > 0 || isMatcher(frame.id)) return false;
  // A scenario allows other frames, too; without an id it is unknown whether this is the expected one.
  return kind === "recording";
}
