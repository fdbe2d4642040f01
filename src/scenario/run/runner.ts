// Runs a recording as a state machine without I/O: it receives the events of the connections, and returns what to do next.
// Times are milliseconds of a monotonic clock. src/cli/run/runner.ts carries out the effects. A frame is sent once all
// clients have received everything that precedes it in the file, which keeps the order of the recording.
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
  /** How long an event may take, in milliseconds, in addition to its time in the recording. */
  readonly timeoutMs: number;
  /** Whether frames are sent no earlier than in the recording. */
  readonly pace: boolean;
}

/** How long a run waits at its end for unexpected frames, in milliseconds: a `pong` can overtake the reply to a message that is still being stored. */
const SETTLE_MS = 100;

/** Longest wait for connections that no longer respond, in milliseconds. */
const MAX_SETTLE_MS = 2_000;

/** Runs one recording; see the head of this file. Each call returns what to do now. */
export class ScenarioRunner {
  /** By the index of the step in the plan. */
  readonly outcomes = new Map<number, ExpectationOutcome>();
  readonly unexpected: Unexpected[] = [];
  abort: Abort | undefined;
  /** When `tick` must be called, unless another event happens before; undefined: not at all. */
  wakeAt: number | undefined;
  private phase: "playing" | "settling" | "ended" = "playing";
  private startedAt = 0;
  private settleUntil = 0;
  private settledAt = 0;
  private effects: Effect[] = [];
  private readonly progress: Progress;
  private readonly connections = new Map<PlannedConnection, ConnectionRun>();
  private readonly positions = new Map<string, Position>();
  /** By step: since when a message waits for the reply to another one. */
  private readonly waitingSince = new Map<number, number>();
  private readonly conversations: ReadonlyMap<string, string>;
  private readonly trailingReplies: TrailingReplies;
  private readonly expectedFrames: ReadonlyMap<
    PlannedConnection,
    Extract<Expectation, { kind: "receive" }>[]
  >;
  private readonly actions: ReadonlyMap<PlannedConnection, Action[]>;
  private readonly expectedCloses: ReadonlyMap<
    PlannedConnection,
    Extract<Expectation, { kind: "expect_close" }>
  >;

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
      steps.filter((step) => step.kind === "receive"),
      ({ connection }) => connection,
    );
    this.actions = Map.groupBy(steps.filter(isAction), ({ connection }) => connection);
    this.expectedCloses = new Map(
      steps.filter((step) => step.kind === "expect_close").map((step) => [step.connection, step]),
    );
  }

  get isOver(): boolean {
    return this.phase === "ended";
  }

  start(now: number): readonly Effect[] {
    this.startedAt = now;
    return this.advance(now);
  }

  /** The time `wakeAt` has been reached. */
  tick(now: number): readonly Effect[] {
    return this.advance(now);
  }

  /** The socket is open: frames can be sent. */
  opened(planned: PlannedConnection, now: number): readonly Effect[] {
    const connection = this.connections.get(planned);
    if (connection?.state === "connecting") {
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

  /** The socket is closed; the code is 1006 if the handshake was rejected. */
  closed(planned: PlannedConnection, code: number, reason: string, now: number): readonly Effect[] {
    const connection = this.connections.get(planned);
    if (connection !== undefined && connection.state !== "closed") {
      connection.state = "closed";
      if (connection.closeAction !== undefined) this.progress.finish(connection.closeAction, now);
      else if (this.phase === "playing") this.handleClose(connection, code, reason, now);
    }
    return this.advance(now);
  }

  /** The server has answered the request for a fault; `problem`: why it refused. */
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
        why: "a later frame arrived first",
      });
    this.resolve(step, outcomeOf(differences, this.elapsed(step, now)));
  }

  /** Whether a frame is about a message from before the run, which the recording cannot expect. */
  private isFromBeforeRun({ frame }: Payload, { epochKey }: ConnectionRun): boolean {
    return (
      frame?.type === "read" &&
      typeof frame.seq === "number" &&
      frame.seq <= this.mapping.base(epochKey).received
    );
  }

  /** A connection was closed, but not by its client. */
  private handleClose(connection: ConnectionRun, code: number, reason: string, now: number): void {
    const expectedClose = this.expectedCloses.get(connection.planned);
    const rest = connection.remaining();
    if (rest.length === 0 && expectedClose !== undefined) this.skipSends(expectedClose, now);
    const limit = this.firstUnstartedIndex(connection.planned);
    const why = `the connection was closed with ${code}${reason && ` (${reason})`} before`;
    for (const step of rest)
      if (step.index < limit) this.resolve(step, { kind: "missing", tookMs: this.elapsed(step, now), why });
    if (expectedClose !== undefined && expectedClose.index < limit) {
      const differences: Difference[] = [];
      const { entry } = expectedClose;
      if (code !== entry.code) differences.push({ path: "code", expected: entry.code, received: code });
      const isMeant = this.plan.recording.kind === "scenario" && entry.reason !== undefined;
      if (isMeant && reason !== entry.reason)
        differences.push({ path: "reason", expected: entry.reason, received: reason });
      this.resolve(expectedClose, outcomeOf(differences, this.elapsed(expectedClose, now)));
      return;
    }
    if (expectedClose === undefined && rest.length === 0 && this.plan.recording.unexpected === "pass") return;
    this.unexpected.push({ client: connection.planned.client, what: { close: code, reason } });
    // Expected frames can no longer arrive on this connection. A later send on it aborts the run on its own.
    if (expectedClose !== undefined || rest.length > 0) this.stop();
  }

  /** Returns the first action that has not started. Started ones count as done: a connection may be cut before the reply. */
  private firstUnstartedIndex(connection: PlannedConnection): number {
    const ahead = this.actions
      .get(connection)
      ?.find((action) => this.progress.startTime(action) === undefined);
    return ahead?.index ?? Number.POSITIVE_INFINITY;
  }

  /** Skips frames that a client sent while its connection was being closed: they had no effect, and may be too late this time. */
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

  private stop(abort?: Abort): void {
    this.abort ??= abort;
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
      const connections = [...this.connections.values()];
      const isQuiet = connections.every(({ state, isFlushed }) => state !== "welcomed" || isFlushed);
      const until = isQuiet ? this.settleUntil : this.settledAt;
      if (now >= until) this.phase = "ended";
      else this.wakeBy(until);
    }
    const { effects } = this;
    this.effects = [];
    return effects;
  }

  /** Starts all actions that may start. */
  private startActions(now: number): void {
    /** Clients whose next action is not ready: their later ones wait, too. */
    const held = new Set<string>();
    /** Connections that are not open yet, and faults that are not injected yet: actions of other clients wait for them. */
    const barriers: Action[] = [];
    const isBarrier = ({ kind }: Action) => kind === "open" || kind === "fault";
    for (const action of this.progress.startable()) {
      const { client } = action.connection;
      // A client may send on its own connection before `welcome` (W7); a fault needs the connection's id from `welcome`.
      const isEarly = action.kind !== "fault";
      const isUnblocked = barriers.every(
        ({ kind, connection }) => isEarly && kind === "open" && connection === action.connection,
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

  /** An opening is finished once the client is welcomed, or cannot be. */
  private finishOpening(action: Action, now: number): void {
    const connection = this.connections.get(action.connection)!;
    const isAnonymous = action.kind === "open" && action.entry.token === "none";
    if (
      connection.state === "welcomed" ||
      connection.state === "closed" ||
      (isAnonymous && connection.state === "open")
    )
      this.progress.finish(action, now);
  }

  private isReady(action: Action, now: number): boolean {
    const connection = this.connections.get(action.connection);
    if (action.kind !== "open" && connection?.state === "connecting") return false;
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
    // The reply may never arrive; the run reports it as missing.
    const since = this.waitingSince.get(action.index) ?? now;
    this.waitingSince.set(action.index, since);
    if (now >= since + this.options.timeoutMs) return true;
    this.wakeBy(since + this.options.timeoutMs);
    return false;
  }

  /** Returns when an action may start at the earliest. */
  private earliestTime(action: Action, connection: ConnectionRun | undefined, now: number): number {
    const { t } = action.entry;
    if (this.options.pace && t !== undefined) return this.startedAt + t;
    if (action.kind !== "send" || connection === undefined) return now;
    // Frames that were sent at once in the recording are sent at once again, even if they are a flood.
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
    const connection = this.connections.get(action.connection)!;
    if (connection.state === "closed") {
      this.stop({ action, why: "its connection is closed" });
      return;
    }
    if (action.kind === "fault" && connection.connectionId === undefined) {
      this.stop({ action, why: "its connection was not accepted" });
      return;
    }
    this.progress.start(action, now);
    const position = this.positions.get(client);
    const { conversation, epochKey, connectionId } = connection;
    this.effects.push(effectFor(action, { conversation, epochKey, connectionId, position }, this.mapping));
    if (action.kind === "close") connection.closeAction = action;
    if (action.kind !== "send") return;
    connection.sendRate.consume(now);
    this.progress.finish(action, now);
  }

  /** Ends the run if an expected event does not arrive in time. */
  private checkTimeouts(now: number): void {
    const { timeoutMs } = this.options;
    const [begun] = this.progress.inProgress();
    if (begun !== undefined) {
      const until = this.progress.startTime(begun)! + timeoutMs;
      const why = begun.kind === "open" ? "it was not accepted" : "it was not answered";
      if (now >= until) {
        this.stop({ action: begun, why: `${why} within ${timeoutMs / 1000} s` });
        return;
      }
      this.wakeBy(until);
    }
    const { next } = this.progress;
    const due = next && this.progress.dueSince(next);
    if (next === undefined || due === undefined) return;
    const { within } = next.entry;
    const allowed = within === undefined ? timeoutMs + this.progress.recordedGap(next) : within * 1000;
    if (now < due + allowed) {
      this.wakeBy(due + allowed);
      return;
    }
    const why = `it did not arrive within ${Math.round(allowed) / 1000} s`;
    for (const step of this.progress.due()) {
      const hint =
        step.kind === "receive" ? this.connections.get(step.connection)?.closestDifferences(step) : undefined;
      this.resolve(step, { kind: "missing", tookMs: now - due, why, ...(hint !== undefined && { hint }) });
    }
    this.stop();
  }

  /** Everything is sent and received: waits for frames that were not expected. */
  private settle(now: number): void {
    this.phase = "settling";
    this.settleUntil = now + SETTLE_MS;
    this.settledAt = now + Math.max(SETTLE_MS, Math.min(MAX_SETTLE_MS, this.options.timeoutMs));
    if (this.plan.recording.unexpected === "pass") {
      this.stop();
      return;
    }
    for (const connection of this.connections.values())
      if (connection.state === "welcomed")
        this.effects.push({
          type: "send",
          connection: connection.planned,
          data: JSON.stringify({ type: "ping", id: FLUSH_PING_ID }),
        });
  }
}
