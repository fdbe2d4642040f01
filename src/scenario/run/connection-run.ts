import type { CompareContext } from "../compare/compare-frames.ts";
import { laneOf } from "../compare/field-rules.ts";
import { epochKeyOf, type NameMapping } from "../compare/name-mapping.ts";
import { type Payload, type Recording, typeOf } from "../format/recording.ts";
import type { Position } from "./effects.ts";
import { compareEntry, ExpectationLanes, type Match } from "./expectation-lanes.ts";
import type { Action, Expectation, PlannedConnection } from "./plan.ts";
import { SendRateLimiter } from "./send-rate.ts";

/** `connecting`: the socket is requested; `open`: frames can be sent; `welcomed`: `welcome` was received. */
export type ConnectionState = "connecting" | "open" | "welcomed" | "closed";

/** The id of the ping whose reply shows that no more frames are in flight. */
export const FLUSH_PING_ID = "parley-run-last-ping";

/** One connection of the run, from its opening to its close. */
export class ConnectionRun {
  state: ConnectionState = "connecting";
  /** The server's id of the connection. */
  connectionId: string | undefined;
  /** The conversation and epoch within which its `seq`s count. */
  epochKey: string;
  /** The action with which the client closes the connection, once it has started. */
  closeAction: Action | undefined;
  /** When frames could first be sent. */
  openedAt: number | undefined;
  isFlushed = false;
  readonly sendRate = new SendRateLimiter();
  private readonly expectations: ExpectationLanes;
  /** By lane: the last unexpected frame. */
  private readonly unmatched = new Map<string, Payload>();
  private readonly context: Omit<CompareContext, "epochKey">;

  constructor(
    readonly planned: PlannedConnection,
    readonly conversation: string,
    steps: readonly Extract<Expectation, { kind: "receive" }>[],
    { kind, ignore }: Recording,
    private readonly mapping: NameMapping,
  ) {
    this.expectations = new ExpectationLanes(steps);
    this.epochKey = epochKeyOf(conversation, undefined);
    this.context = { kind, mapping, comparesPresence: !ignore.includes("presence") };
  }

  /** Finds the expectation that a frame matches, if any; also returns the client's new position to resume from. */
  receive(
    payload: Payload,
    position: Position | undefined,
  ): { match: Match | undefined; position: Position | undefined } {
    const newPosition = this.updatePosition(payload, position);
    const match = this.expectations.match(payload, { ...this.context, epochKey: this.epochKey });
    if (match === undefined) this.unmatched.set(laneOf(typeOf(payload), payload.frame?.code), payload);
    return { match, position: newPosition };
  }

  /** Returns the index of the last expected frame in this frame's lane, received or not; -1 if the lane is empty. */
  lastIndexInLane(payload: Payload): number {
    return this.expectations.last(laneOf(typeOf(payload), payload.frame?.code))?.index ?? -1;
  }

  /** Returns the frames that were not received yet, in the order of the file. */
  remaining(): readonly Extract<Expectation, { kind: "receive" }>[] {
    return this.expectations.remaining();
  }

  /** Returns how the last unexpected frame of the same lane differs from an expected one. */
  closestDifferences(step: Extract<Expectation, { kind: "receive" }>) {
    const candidate = this.unmatched.get(step.lane);
    return (
      candidate && compareEntry(step, candidate, { ...this.context, epochKey: this.epochKey }).differences
    );
  }

  private updatePosition({ frame }: Payload, position: Position | undefined): Position | undefined {
    if (frame?.type === "message" && typeof frame.seq === "number" && position !== undefined)
      return frame.seq > position.seq ? { ...position, seq: frame.seq } : position;
    if (frame?.type !== "welcome" || this.state === "welcomed") return position;
    this.state = "welcomed";
    this.connectionId = typeof frame.connection === "string" ? frame.connection : undefined;
    const expected = this.expectations.first("welcome")?.entry.frame;
    const seq = Number(frame.seq);
    this.epochKey = epochKeyOf(this.conversation, expected?.epoch);
    this.mapping.learnBase(this.epochKey, typeof expected?.seq === "number" ? expected.seq : 0, seq);
    // A client that resumed receives the missed messages next: its position is still the old one.
    return {
      seq: frame.resumed === true && position !== undefined ? position.seq : seq,
      epoch: `${frame.epoch}`,
    };
  }
}
