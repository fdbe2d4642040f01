import type { CompareContext } from "../compare/compare-frames.ts";
import { laneOf } from "../compare/field-rules.ts";
import { epochKeyOf, type NameMapping } from "../compare/name-mapping.ts";
import { type Payload, type Recording, typeOf } from "../format/recording.ts";
import type { Position } from "./effects.ts";
import { compareEntry, ExpectationLanes, type Match } from "./expectation-lanes.ts";
import type { Action, Expectation, PlannedConnection } from "./plan.ts";
import { SendRateLimiter } from "./send-rate.ts";

/** `dialled`: the socket is asked for; `open`: frames can be sent; `in`: `welcome` came. */
export type ConnectionState = "dialled" | "open" | "in" | "closed";

/** The id of the ping that shows that nothing more is on its way. */
export const FLUSH_PING_ID = "parley-run-last-ping";

/** One line of the run, from its opening to its end. */
export class ConnectionRun {
  state: ConnectionState = "dialled";
  /** The server's name for it. */
  connectionId: string | undefined;
  /** The life of the conversation that its numbers belong to. */
  epochKey: string;
  /** What the client itself closes it by, once it has begun to. */
  closeAction: Action | undefined;
  /** When it could be sent on for the first time. */
  openedAt: number | undefined;
  isFlushed = false;
  readonly sendRate = new SendRateLimiter();
  private readonly expectations: ExpectationLanes;
  /** By lane, the last frame that nothing expected. */
  private readonly unmatched = new Map<string, Payload>();
  private readonly context: Omit<CompareContext, "epochKey">;

  constructor(
    readonly planned: PlannedConnection,
    readonly conversation: string,
    steps: readonly Extract<Expectation, { kind: "hear" }>[],
    { kind, ignore }: Recording,
    private readonly names: NameMapping,
  ) {
    this.expectations = new ExpectationLanes(steps);
    this.epochKey = epochKeyOf(conversation, undefined);
    this.context = { kind, mapping: names, comparesPresence: !ignore.includes("presence") };
  }

  /** Which expectation a frame is; undefined where it is none. Tells `position` where the client can come back to. */
  receive(
    payload: Payload,
    position: Position | undefined,
  ): { match: Match | undefined; position: Position | undefined } {
    const newPosition = this.updatePosition(payload, position);
    const match = this.expectations.match(payload, { ...this.context, epochKey: this.epochKey });
    if (match === undefined) this.unmatched.set(laneOf(typeOf(payload), payload.frame?.code), payload);
    return { match, position: newPosition };
  }

  /** The place of the last frame in the lane of this one, heard or not; -1 where there is none. */
  lastIndexInLane(payload: Payload): number {
    return this.expectations.last(laneOf(typeOf(payload), payload.frame?.code))?.index ?? -1;
  }

  /** What has not come, in the order of the file. */
  remaining(): readonly Extract<Expectation, { kind: "hear" }>[] {
    return this.expectations.remaining();
  }

  /** What the last frame that nothing expected, in the same lane, has different from what is waited for. */
  closestDifferences(step: Extract<Expectation, { kind: "hear" }>) {
    const candidate = this.unmatched.get(step.lane);
    return (
      candidate && compareEntry(step, candidate, { ...this.context, epochKey: this.epochKey }).differences
    );
  }

  private updatePosition({ frame }: Payload, position: Position | undefined): Position | undefined {
    if (frame?.type === "message" && typeof frame.seq === "number" && position !== undefined)
      return frame.seq > position.seq ? { ...position, seq: frame.seq } : position;
    if (frame?.type !== "welcome" || this.state === "in") return position;
    this.state = "in";
    this.connectionId = typeof frame.connection === "string" ? frame.connection : undefined;
    const expected = this.expectations.first("welcome")?.entry.frame;
    const seq = Number(frame.seq);
    this.epochKey = epochKeyOf(this.conversation, expected?.epoch);
    this.names.learnBase(this.epochKey, typeof expected?.seq === "number" ? expected.seq : 0, seq);
    // Who comes back, and is sent what was missed, has seen no more than before.
    return {
      seq: frame.resumed === true && position !== undefined ? position.seq : seq,
      epoch: `${frame.epoch}`,
    };
  }
}
