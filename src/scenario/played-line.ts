import type { CompareContext } from "./compare.ts";
import type { Position } from "./effects.ts";
import { type Names, spaceOf } from "./names.ts";
import { Pacer } from "./pacer.ts";
import type { Action, Expectation, PlannedLine } from "./plan.ts";
import { type Payload, type Recording, typeOf } from "./recording.ts";
import { laneOf } from "./volatile.ts";
import { compare, type Match, Waiting } from "./waiting.ts";

/** `dialled`: the socket is asked for; `open`: frames can be sent; `in`: `welcome` came. */
export type LineState = "dialled" | "open" | "in" | "closed";

/** The id of the ping that shows that nothing more is on its way. */
export const LAST_PING = "parley-run-last-ping";

/** One line of the run, from its opening to its end. */
export class PlayedLine {
  state: LineState = "dialled";
  /** The server's name for it. */
  connection: string | undefined;
  /** The life of the conversation that its numbers belong to. */
  space: string;
  /** What the client itself closes it by, once it has begun to. */
  leaving: Action | undefined;
  /** When it could be sent on for the first time. */
  openedAt: number | undefined;
  isSettled = false;
  readonly pacer = new Pacer();
  private readonly waiting: Waiting;
  /** By lane, the last frame that nothing expected. */
  private readonly strangers = new Map<string, Payload>();
  private readonly context: Omit<CompareContext, "space">;

  constructor(
    readonly planned: PlannedLine,
    readonly conversation: string,
    expectations: readonly Extract<Expectation, { kind: "hear" }>[],
    { kind, ignore }: Recording,
    private readonly names: Names,
  ) {
    this.waiting = new Waiting(expectations);
    this.space = spaceOf(conversation, undefined);
    this.context = { kind, names, present: !ignore.includes("presence") };
  }

  /** Which expectation a frame is; undefined where it is none. Tells `position` where the client can come back to. */
  hear(
    came: Payload,
    position: Position | undefined,
  ): { match: Match | undefined; position: Position | undefined } {
    const moved = this.remember(came, position);
    const match = this.waiting.take(came, { ...this.context, space: this.space });
    if (match === undefined) this.strangers.set(laneOf(typeOf(came), came.frame?.code), came);
    return { match, position: moved };
  }

  /** The place of the last frame in the lane of this one, heard or not; -1 where there is none. */
  lastLike(came: Payload): number {
    return this.waiting.last(laneOf(typeOf(came), came.frame?.code))?.at ?? -1;
  }

  /** What has not come, in the order of the file. */
  rest(): readonly Extract<Expectation, { kind: "hear" }>[] {
    return this.waiting.rest();
  }

  /** What the last frame that nothing expected, in the same lane, has different from what is waited for. */
  hint(step: Extract<Expectation, { kind: "hear" }>) {
    const stranger = this.strangers.get(step.lane);
    return stranger && compare(step, stranger, { ...this.context, space: this.space }).differences;
  }

  private remember({ frame }: Payload, position: Position | undefined): Position | undefined {
    if (frame?.type === "message" && typeof frame.seq === "number" && position !== undefined)
      return frame.seq > position.seq ? { ...position, seq: frame.seq } : position;
    if (frame?.type !== "welcome" || this.state === "in") return position;
    this.state = "in";
    this.connection = typeof frame.connection === "string" ? frame.connection : undefined;
    const expected = this.waiting.first("welcome")?.entry.frame;
    const seq = Number(frame.seq);
    this.space = spaceOf(this.conversation, expected?.epoch);
    this.names.learnBase(this.space, typeof expected?.seq === "number" ? expected.seq : 0, seq);
    // Who comes back, and is sent what was missed, has seen no more than before.
    return {
      seq: frame.resumed === true && position !== undefined ? position.seq : seq,
      epoch: `${frame.epoch}`,
    };
  }
}
