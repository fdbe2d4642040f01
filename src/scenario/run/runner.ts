// The run of a recording as a machine without I/O: it is told what happens on the lines, and says what to do next.
// Times are milliseconds of any clock that only goes forward. src/cli/run/runner.ts carries it out.
//
// It goes through the file as fast as what is heard allows: something is sent once everything that stands before it
// has been heard, by all clients. So what came after something else in the recording comes after it again.
import type { Difference } from "../compare/compare-frames.ts";
import type { NameMapping } from "../compare/name-mapping.ts";
import { payloadOf } from "../format/build-recording.ts";
import { type Payload, typeOf } from "../format/recording.ts";
import { ConnectionRun, FLUSH_PING_ID } from "./connection-run.ts";
import { type Effect, effectFor, type Position } from "./effects.ts";
import { type Abort, type ExpectationOutcome, outcomeOf, type Unexpected } from "./outcome.ts";
import { type Action, type Expectation, isAction, type Plan, type PlannedConnection } from "./plan.ts";
import { Progress } from "./progress.ts";
import { TrailingReplies } from "./trailing-replies.ts";

export interface RunnerOptions {
  /** Milliseconds that something may take, beside what it took in the recording. */
  readonly timeoutMs: number;
  /** Whether nothing is sent earlier than in the recording. */
  readonly pace: boolean;
}

/** How long a run waits at its end for what was not expected, in milliseconds: a `pong` does not wait for an answer that is being stored. */
const SETTLE_MS = 100;

/** Longest that it waits for lines on which nothing is answered any more, in milliseconds. */
const MAX_SETTLE_MS = 2_000;

/** Plays one recording; see the head of this file. Each call answers what to do now. */
export class ScenarioRunner {
  /** By the step's place in the plan. */
  readonly outcomes = new Map<number, ExpectationOutcome>();
  readonly unexpected: Unexpected[] = [];
  abort: Abort | undefined;
  /** When `tick` must be called, if nothing happens before; undefined: not at all. */
  wakeAt: number | undefined;
  private phase: "playing" | "settling" | "ended" = "playing";
  private startedAt = 0;
  private settleUntil = 0;
  private settledAt = 0;
  private effects: Effect[] = [];
  private readonly progress: Progress;
  private readonly connections = new Map<PlannedConnection, ConnectionRun>();
  private readonly positions = new Map<string, Position>();
  /** Since when a message waits for the answer to another one, by its place. */
  private readonly waitingSince = new Map<number, number>();
  private readonly conversations: ReadonlyMap<string, string>;
  private readonly trailingReplies: TrailingReplies;
  private readonly expectedFrames: ReadonlyMap<PlannedConnection, Extract<Expectation, { kind: "hear" }>[]>;
  private readonly actions: ReadonlyMap<PlannedConnection, Action[]>;
  private readonly expectedCloses: ReadonlyMap<PlannedConnection, Extract<Expectation, { kind: "end" }>>;

  constructor(
    private readonly plan: Plan,
    private readonly mapping: NameMapping,
    private readonly options: RunnerOptions,
  ) {
    const { steps, recording } = plan;
    this.progress = new Progress(steps);
    this.conversations = new Map(recording.clients.map(({ name, conversation }) => [name, conversation]));
    this.trailingReplies = new TrailingReplies(plan, mapping);
    this.expectedFrames = Map.groupBy(
      steps.filter((step) => step.kind === "hear"),
      ({ connection: of }) => of,
    );
    this.actions = Map.groupBy(steps.filter(isAction), ({ connection: of }) => of);
    this.expectedCloses = new Map(
      steps.filter((step) => step.kind === "end").map((step) => [step.connection, step]),
    );
  }

  get isOver(): boolean {
    return this.phase === "ended";
  }

  start(now: number): readonly Effect[] {
    this.startedAt = now;
    return this.advance(now);
  }

  /** The time of `wakeAt` has come. */
  tick(now: number): readonly Effect[] {
    return this.advance(now);
  }

  /** The socket is open: frames can be sent. */
  opened(planned: PlannedConnection, now: number): readonly Effect[] {
    const connection = this.connections.get(planned);
    if (connection?.state === "dialled") {
      connection.state = "open";
      connection.openedAt = now;
    }
    return this.advance(now);
  }

  received(planned: PlannedConnection, data: string | Uint8Array, now: number): readonly Effect[] {
    const connection = this.connections.get(planned);
    if (connection !== undefined && connection.state !== "closed" && connection.closeAction === undefined)
      this.handleFrame(connection, payloadOf(data, "by value"), now);
    return this.advance(now);
  }

  /** The socket is closed; with 1006 also where the handshake was refused. */
  closed(planned: PlannedConnection, code: number, reason: string, now: number): readonly Effect[] {
    const connection = this.connections.get(planned);
    if (connection !== undefined && connection.state !== "closed") {
      connection.state = "closed";
      if (connection.closeAction !== undefined) this.progress.finish(connection.closeAction, now);
      else if (this.phase === "playing") this.handleClose(connection, code, reason, now);
    }
    return this.advance(now);
  }

  /** The server has answered a fault that was asked for; `problem` says why it would not do it. */
  faultSettled(action: Action, problem: string | undefined, now: number): readonly Effect[] {
    if (problem === undefined) this.progress.finish(action, now);
    else this.stop({ action, why: problem });
    return this.advance(now);
  }

  private handleFrame(connection: ConnectionRun, payload: Payload, now: number): void {
    const { client } = connection.planned;
    if (payload.frame?.type === "pong" && payload.frame.id === FLUSH_PING_ID) {
      connection.isFlushed = true;
      return;
    }
    if (this.plan.recording.ignore.includes(typeOf(payload)) || this.phase === "ended") return;
    const { match, position } = connection.receive(payload, this.positions.get(client));
    if (position !== undefined) this.positions.set(client, position);
    if (match === undefined) {
      const isUnexpected =
        !this.trailingReplies.includes(payload, connection.epochKey, connection.lastIndexInLane(payload)) &&
        !this.isFromBeforeRun(payload, connection);
      if (this.plan.recording.unexpected === "fail" && isUnexpected)
        this.unexpected.push({ client, what: payload });
      return;
    }
    const { step, differences, skipped } = match;
    for (const one of skipped)
      this.resolve(one, {
        kind: "missing",
        tookMs: this.elapsed(one, now),
        why: "what stands after it came first",
      });
    this.resolve(step, outcomeOf(differences, this.elapsed(step, now)));
  }

  /** Whether it is about a message from before the run: in a conversation of its own there was none. */
  private isFromBeforeRun({ frame }: Payload, { epochKey: space }: ConnectionRun): boolean {
    return (
      frame?.type === "read" &&
      typeof frame.seq === "number" &&
      frame.seq <= this.mapping.base(space).received
    );
  }

  /** A line ended that its client did not close. */
  private handleClose(connection: ConnectionRun, code: number, reason: string, now: number): void {
    const expectedClose = this.expectedCloses.get(connection.planned);
    const rest = connection.remaining();
    if (rest.length === 0 && expectedClose !== undefined) this.skipSends(expectedClose, now);
    const limit = this.firstUnstartedIndex(connection.planned);
    const why = `the line was closed with ${code}${reason && ` (${reason})`} before`;
    for (const step of rest)
      if (step.index < limit) this.resolve(step, { kind: "missing", tookMs: this.elapsed(step, now), why });
    if (expectedClose !== undefined && expectedClose.index < limit) {
      const differences: Difference[] = [];
      const { entry } = expectedClose;
      if (code !== entry.code) differences.push({ path: "code", expected: entry.code, came: code });
      const isMeant = this.plan.recording.kind === "scenario" && entry.reason !== undefined;
      if (isMeant && reason !== entry.reason)
        differences.push({ path: "reason", expected: entry.reason, came: reason });
      this.resolve(expectedClose, outcomeOf(differences, this.elapsed(expectedClose, now)));
      return;
    }
    if (expectedClose === undefined && rest.length === 0 && this.plan.recording.unexpected === "pass") return;
    this.unexpected.push({ client: connection.planned.client, what: { close: code, reason } });
    // What is still to come on this line cannot come any more; what would be sent on it halts the run by itself.
    if (expectedClose !== undefined || rest.length > 0) this.stop();
  }

  /**
   * Up to which place a line was used: what others do meanwhile is theirs. An action need not be done, as a line may be
   * cut before that is answered.
   */
  private firstUnstartedIndex(connection: PlannedConnection): number {
    const ahead = this.actions
      .get(connection)
      ?.find((action) => this.progress.startTime(action) === undefined);
    return ahead?.index ?? Number.POSITIVE_INFINITY;
  }

  /** What a client said into the end of its line was said to nobody, and may come too late this time. */
  private skipSends(end: Expectation, now: number): void {
    for (const action of this.actions.get(end.connection) ?? [])
      if (
        action.kind === "send" &&
        action.index < end.index &&
        this.progress.startTime(action) === undefined
      ) {
        this.progress.start(action, now);
        this.progress.finish(action, now);
      }
  }

  private elapsed(step: Expectation, now: number): number {
    return Math.max(0, now - (this.progress.dueSince(step) ?? now));
  }

  private resolve(step: Expectation, outcome: ExpectationOutcome): void {
    if (this.outcomes.has(step.index)) return;
    this.outcomes.set(step.index, outcome);
    this.progress.resolve(step);
  }

  private stop(halt?: Abort): void {
    this.abort ??= halt;
    this.phase = "ended";
  }

  private wakeBy(at: number): void {
    this.wakeAt = Math.min(at, this.wakeAt ?? Number.POSITIVE_INFINITY);
  }

  private advance(now: number): readonly Effect[] {
    this.wakeAt = undefined;
    if (this.phase === "playing") this.startActions(now);
    if (this.phase === "playing") this.checkTimeouts(now);
    if (this.phase === "playing" && this.progress.isFinished) this.settle(now);
    if (this.phase === "settling") {
      const lines = [...this.connections.values()];
      const isQuiet = lines.every(({ state, isFlushed: isSettled }) => state !== "in" || isSettled);
      const until = isQuiet ? this.settleUntil : this.settledAt;
      if (now >= until) this.phase = "ended";
      else this.wakeBy(until);
    }
    const { effects } = this;
    this.effects = [];
    return effects;
  }

  /** Begins what can be begun. */
  private startActions(now: number): void {
    /** Clients whose next action is not ready: their later ones wait, too. */
    const held = new Set<string>();
    /** Lines that are not open yet, faults that are not made: what others do comes after them. */
    const barriers: Action[] = [];
    const isBarrier = ({ kind }: Action) => kind === "open" || kind === "fault";
    for (const action of this.progress.startable()) {
      const { client } = action.connection;
      // On its own line a client may send before it is let in (W7); a fault needs the name that it gets then.
      const isEarly = action.kind !== "fault";
      const isUnblocked = barriers.every(
        ({ kind, connection: of }) => isEarly && kind === "open" && of === action.connection,
      );
      if (this.progress.startTime(action) === undefined) {
        if (held.has(client) || !isUnblocked || !this.isReady(action, now)) {
          held.add(client);
          if (isBarrier(action)) barriers.push(action);
          continue;
        }
        this.begin(action, now);
        if (this.phase !== "playing") return;
      }
      if (action.kind === "open") this.finishOpening(action, now);
      if (this.progress.isDone(action)) continue;
      if (isBarrier(action)) barriers.push(action);
      else held.add(client);
    }
  }

  /** A line is open for others once the client is let in, or cannot be. */
  private finishOpening(action: Action, now: number): void {
    const connection = this.connections.get(action.connection)!;
    const isAnonymous = action.kind === "open" && action.entry.token === "none";
    if (
      connection.state === "in" ||
      connection.state === "closed" ||
      (isAnonymous && connection.state === "open")
    )
      this.progress.finish(action, now);
  }

  private isReady(action: Action, now: number): boolean {
    const connection = this.connections.get(action.connection);
    if (action.kind !== "open" && connection?.state === "dialled") return false;
    const at = this.earliestTime(action, connection, now);
    if (at > now) {
      this.wakeBy(at);
      return false;
    }
    if (
      action.kind !== "send" ||
      action.afterStep === undefined ||
      this.progress.isResolved(action.afterStep)
    )
      return true;
    // The answer that it waits for may never come; the run says so where it stands in the file.
    const since = this.waitingSince.get(action.index) ?? now;
    this.waitingSince.set(action.index, since);
    if (now >= since + this.options.timeoutMs) return true;
    this.wakeBy(since + this.options.timeoutMs);
    return false;
  }

  /** When an action may be taken at the earliest. */
  private earliestTime(action: Action, connection: ConnectionRun | undefined, now: number): number {
    const { t } = action.entry;
    if (this.options.pace && t !== undefined) return this.startedAt + t;
    if (action.kind !== "send" || connection === undefined) return now;
    // What was sent at once in the recording is sent at once again, be it a flood.
    const recorded = this.plan.sendTimes.get(action.index);
    const inRecording =
      recorded === undefined ? Number.POSITIVE_INFINITY : (connection.openedAt ?? now) + recorded;
    return Math.min(connection.sendRate.availableAt(now), inRecording);
  }

  private begin(action: Action, now: number): void {
    const { client } = action.connection;
    if (action.kind === "open") {
      const conversation = this.conversations.get(client) ?? "";
      const expected = this.expectedFrames.get(action.connection) ?? [];
      this.connections.set(
        action.connection,
        new ConnectionRun(action.connection, conversation, expected, this.plan.recording, this.mapping),
      );
    }
    const line = this.connections.get(action.connection)!;
    if (line.state === "closed") {
      this.stop({ action, why: "its line is closed" });
      return;
    }
    if (action.kind === "fault" && line.connectionId === undefined) {
      this.stop({ action, why: "its line was not let in" });
      return;
    }
    this.progress.start(action, now);
    const position = this.positions.get(client);
    const { conversation, epochKey: space, connectionId: connection } = line;
    this.effects.push(
      effectFor(action, { conversation, epochKey: space, connectionId: connection, position }, this.mapping),
    );
    if (action.kind === "leave") line.closeAction = action;
    if (action.kind !== "send") return;
    line.sendRate.consume(now);
    this.progress.finish(action, now);
  }

  /** Ends the run where something that must come does not. */
  private checkTimeouts(now: number): void {
    const { timeoutMs: patience } = this.options;
    const [begun] = this.progress.inProgress();
    if (begun !== undefined) {
      const until = this.progress.startTime(begun)! + patience;
      const why = begun.kind === "open" ? "it was not let in" : "it was not answered";
      if (now >= until) {
        this.stop({ action: begun, why: `${why} within ${patience / 1000} s` });
        return;
      }
      this.wakeBy(until);
    }
    const { next } = this.progress;
    const due = next && this.progress.dueSince(next);
    if (next === undefined || due === undefined) return;
    const { within } = next.entry;
    const allowed = within === undefined ? patience + this.progress.recordedGap(next) : within * 1000;
    if (now < due + allowed) {
      this.wakeBy(due + allowed);
      return;
    }
    const why = `it did not come within ${Math.round(allowed) / 1000} s`;
    for (const step of this.progress.due()) {
      const hint =
        step.kind === "hear" ? this.connections.get(step.connection)?.closestDifferences(step) : undefined;
      this.resolve(step, { kind: "missing", tookMs: now - due, why, ...(hint !== undefined && { hint }) });
    }
    this.stop();
  }

  /** Everything is done and heard: looks whether more comes than was expected. */
  private settle(now: number): void {
    this.phase = "settling";
    this.settleUntil = now + SETTLE_MS;
    this.settledAt = now + Math.max(SETTLE_MS, Math.min(MAX_SETTLE_MS, this.options.timeoutMs));
    if (this.plan.recording.unexpected === "pass") {
      this.stop();
      return;
    }
    for (const line of this.connections.values())
      if (line.state === "in")
        this.effects.push({
          type: "send",
          connection: line.planned,
          data: JSON.stringify({ type: "ping", id: FLUSH_PING_ID }),
        });
  }
}
