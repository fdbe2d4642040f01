// What one line still has to hear, and which of it a frame is.
import { type CompareContext, compareFrames, type Difference } from "../compare/compare-frames.ts";
import { laneOf, UNORDERED_LANES } from "../compare/field-rules.ts";
import { isMatcher } from "../format/matchers.ts";
import { type Payload, typeOf } from "../format/recording.ts";
import type { Expectation } from "./plan.ts";

type ExpectedFrame = Extract<Expectation, { kind: "hear" }>;

/** How far ahead of the next expected frame one is looked for: more are hardly on their way at once. */
const MAX_LOOK_AHEAD = 200;

/** What a frame is: the expected one, with what is different in it, or nothing that is expected. */
export interface Match {
  readonly step: ExpectedFrame;
  readonly differences: readonly Difference[];
  /** Expected before it, and passed over: in its lane frames come in order. */
  readonly skipped: readonly ExpectedFrame[];
}

/** Expectations in order; those before `head` are done with. Thousands of them are not moved for each that is. */
interface Lane {
  readonly steps: ExpectedFrame[];
  head: number;
}

/** The frames that a line has to hear, lane by lane. */
export class ExpectationLanes {
  private readonly lanes = new Map<string, Lane>();

  constructor(expectations: readonly ExpectedFrame[]) {
    for (const step of expectations) {
      const lane = this.lanes.get(step.lane);
      if (lane === undefined) this.lanes.set(step.lane, { steps: [step], head: 0 });
      else lane.steps.push(step);
    }
  }

  /** Everything that has not come. */
  remaining(): ExpectedFrame[] {
    return [...this.lanes.values()]
      .flatMap(({ steps, head }) => steps.slice(head))
      .sort((a, b) => a.index - b.index);
  }

  /** Takes what came for the expectation that it fits, or was meant for; undefined where nothing like it is expected. */
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

  /** The last one of a lane, expected or come. */
  last(name: string): ExpectedFrame | undefined {
    return this.lanes.get(name)?.steps.at(-1);
  }

  /** The next one expected in a lane. */
  first(name: string): ExpectedFrame | undefined {
    const lane = this.lanes.get(name);
    return lane?.steps[lane.head];
  }
}

/** Takes one out; those before it stay, or are answered and gone. */
function remove(lane: Lane, index: number, keepsOthers: boolean): ExpectedFrame[] {
  if (index > 0 && keepsOthers) {
    lane.steps.splice(lane.head + index, 1);
    return [];
  }
  const skipped = lane.steps.slice(lane.head, lane.head + index);
  lane.head += index + 1;
  return skipped;
}

/** Holds what came against one expectation. */
export function compareEntry(step: ExpectedFrame, came: Payload, context: CompareContext) {
  const { entry } = step;
  if (entry.frame !== undefined && came.frame !== undefined)
    return compareFrames(entry.frame, came.frame, context);
  const [expected, got] = [entry.raw ?? entry.bytes, came.raw ?? came.bytes];
  const isSame = entry.frame === undefined && came.frame === undefined && expected === got;
  const differences = isSame ? [] : [{ path: "text", expected, came: got }];
  return { differences, learn: () => {} };
}

/**
 * Whether a frame that is not as expected is that frame all the same: the one with its id; without an id, the next one
 * of its type.
 */
function isIntended(
  { entry }: ExpectedFrame,
  came: Payload,
  { mapping: names, kind }: CompareContext,
  index: number,
): boolean {
  const { frame } = entry;
  if (frame === undefined || came.frame === undefined) return frame === came.frame && index === 0;
  if (frame.type !== came.frame.type) return false;
  if (typeof frame.id === "string") {
    const id = names.id(frame.id);
    if (id !== undefined) return id === came.frame.id;
    return index === 0 && typeof came.frame.id === "string" && names.isNewId(came.frame.id);
  }
  if (index > 0 || isMatcher(frame.id)) return false;
  // In a scenario others than the named ones may come; without an id nothing says that it is this one.
  return kind === "recording";
}
