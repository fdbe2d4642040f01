// The run of a recording as a machine without I/O: it is told what happens on the lines, and says what to do next.
// Times are milliseconds of any clock that only goes forward. src/cli/run/player.ts carries it out.
//
// It goes through the file as fast as what is heard allows: something is sent once everything that stands before it
// has been heard, by all clients. So what came after something else in the recording comes after it again.
import type { Difference } from "./compare.ts";
import { type Effect, effectOf, type Position } from "./effects.ts";
import { LateAnswers } from "./late.ts";
import type { Names } from "./names.ts";
import { type Halt, type Outcome, outcomeOf, type Unexpected } from "./outcome.ts";
import { type Action, type Expectation, isAction, type Plan, type PlannedLine } from "./plan.ts";
import { LAST_PING, PlayedLine } from "./played-line.ts";
import { Progress } from "./progress.ts";
import { payloadOf } from "./record.ts";
import { type Payload, typeOf } from "./recording.ts";

export interface PlayOptions {
  /** Milliseconds that something may take, beside what it took in the recording. */
  readonly patience: number;
  /** Whether nothing is sent earlier than in the recording. */
  readonly pace: boolean;
}

/** How long a run waits at its end for what was not expected, in milliseconds: a `pong` does not wait for an answer that is being stored. */
const LAST_LOOK = 100;

/** Longest that it waits for lines on which nothing is answered any more, in milliseconds. */
const LAST_WAIT = 2_000;

/** Plays one recording; see the head of this file. Each call answers what to do now. */
export class Play {
  /** By the step's place in the plan. */
  readonly outcomes = new Map<number, Outcome>();
  readonly unexpected: Unexpected[] = [];
  halt: Halt | undefined;
  /** When `tick` must be called, if nothing happens before; undefined: not at all. */
  wakeAt: number | undefined;
  private phase: "playing" | "settling" | "ended" = "playing";
  private startedAt = 0;
  private lookUntil = 0;
  private settledAt = 0;
  private effects: Effect[] = [];
  private readonly progress: Progress;
  private readonly lines = new Map<PlannedLine, PlayedLine>();
  private readonly positions = new Map<string, Position>();
  /** Since when a message waits for the answer to another one, by its place. */
  private readonly gated = new Map<number, number>();
  private readonly places: ReadonlyMap<string, string>;
  private readonly late: LateAnswers;
  private readonly unheard: ReadonlyMap<PlannedLine, Extract<Expectation, { kind: "hear" }>[]>;
  private readonly actions: ReadonlyMap<PlannedLine, Action[]>;
  private readonly ends: ReadonlyMap<PlannedLine, Extract<Expectation, { kind: "end" }>>;

  constructor(
    private readonly plan: Plan,
    private readonly names: Names,
    private readonly options: PlayOptions,
  ) {
    const { steps, recording } = plan;
    this.progress = new Progress(steps);
    this.places = new Map(recording.clients.map(({ name, conversation }) => [name, conversation]));
    this.late = new LateAnswers(plan, names);
    this.unheard = Map.groupBy(
      steps.filter((step) => step.kind === "hear"),
      ({ of }) => of,
    );
    this.actions = Map.groupBy(steps.filter(isAction), ({ of }) => of);
    this.ends = new Map(steps.filter((step) => step.kind === "end").map((step) => [step.of, step]));
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
  opened(planned: PlannedLine, now: number): readonly Effect[] {
    const line = this.lines.get(planned);
    if (line?.state === "dialled") {
      line.state = "open";
      line.openedAt = now;
    }
    return this.advance(now);
  }

  received(planned: PlannedLine, data: string | Uint8Array, now: number): readonly Effect[] {
    const line = this.lines.get(planned);
    if (line !== undefined && line.state !== "closed" && line.leaving === undefined)
      this.hear(line, payloadOf(data, "by value"), now);
    return this.advance(now);
  }

  /** The socket is closed; with 1006 also where the handshake was refused. */
  closed(planned: PlannedLine, code: number, reason: string, now: number): readonly Effect[] {
    const line = this.lines.get(planned);
    if (line !== undefined && line.state !== "closed") {
      line.state = "closed";
      if (line.leaving !== undefined) this.progress.finish(line.leaving, now);
      else if (this.phase === "playing") this.lose(line, code, reason, now);
    }
    return this.advance(now);
  }

  /** The server has answered a fault that was asked for; `problem` says why it would not do it. */
  faulted(action: Action, problem: string | undefined, now: number): readonly Effect[] {
    if (problem === undefined) this.progress.finish(action, now);
    else this.stop({ action, why: problem });
    return this.advance(now);
  }

  private hear(line: PlayedLine, came: Payload, now: number): void {
    const { client } = line.planned;
    if (came.frame?.type === "pong" && came.frame.id === LAST_PING) {
      line.isSettled = true;
      return;
    }
    if (this.plan.recording.ignore.includes(typeOf(came)) || this.phase === "ended") return;
    const { match, position } = line.hear(came, this.positions.get(client));
    if (position !== undefined) this.positions.set(client, position);
    if (match === undefined) {
      const isSurprise = !this.late.has(came, line.space, line.lastLike(came)) && !this.isOld(came, line);
      if (this.plan.recording.unexpected === "fail" && isSurprise)
        this.unexpected.push({ client, what: came });
      return;
    }
    const { step, differences, skipped } = match;
    for (const one of skipped)
      this.resolve(one, { is: "missing", took: this.took(one, now), why: "what stands after it came first" });
    this.resolve(step, outcomeOf(differences, this.took(step, now)));
  }

  /** Whether it is about a message from before the run: in a conversation of its own there was none. */
  private isOld({ frame }: Payload, { space }: PlayedLine): boolean {
    return (
      frame?.type === "read" && typeof frame.seq === "number" && frame.seq <= this.names.base(space).came
    );
  }

  /** A line ended that its client did not close. */
  private lose(line: PlayedLine, code: number, reason: string, now: number): void {
    const wanted = this.ends.get(line.planned);
    const rest = line.rest();
    if (rest.length === 0 && wanted !== undefined) this.skipSends(wanted, now);
    const reach = this.reachOf(line.planned);
    const why = `the line was closed with ${code}${reason && ` (${reason})`} before`;
    for (const step of rest)
      if (step.at < reach) this.resolve(step, { is: "missing", took: this.took(step, now), why });
    if (wanted !== undefined && wanted.at < reach) {
      const differences: Difference[] = [];
      const { entry } = wanted;
      if (code !== entry.code) differences.push({ path: "code", expected: entry.code, came: code });
      const isMeant = this.plan.recording.kind === "scenario" && entry.reason !== undefined;
      if (isMeant && reason !== entry.reason)
        differences.push({ path: "reason", expected: entry.reason, came: reason });
      this.resolve(wanted, outcomeOf(differences, this.took(wanted, now)));
      return;
    }
    if (wanted === undefined && rest.length === 0 && this.plan.recording.unexpected === "pass") return;
    this.unexpected.push({ client: line.planned.client, what: { close: code, reason } });
    // What is still to come on this line cannot come any more; what would be sent on it halts the run by itself.
    if (wanted !== undefined || rest.length > 0) this.stop();
  }

  /**
   * Up to which place a line was used: what others do meanwhile is theirs. An action need not be done, as a line may be
   * cut before that is answered.
   */
  private reachOf(line: PlannedLine): number {
    const ahead = this.actions.get(line)?.find((action) => this.progress.beganAt(action) === undefined);
    return ahead?.at ?? Number.POSITIVE_INFINITY;
  }

  /** What a client said into the end of its line was said to nobody, and may come too late this time. */
  private skipSends(end: Expectation, now: number): void {
    for (const action of this.actions.get(end.of) ?? [])
      if (action.kind === "send" && action.at < end.at && this.progress.beganAt(action) === undefined) {
        this.progress.begin(action, now);
        this.progress.finish(action, now);
      }
  }

  private took(step: Expectation, now: number): number {
    return Math.max(0, now - (this.progress.dueSince(step) ?? now));
  }

  private resolve(step: Expectation, outcome: Outcome): void {
    if (this.outcomes.has(step.at)) return;
    this.outcomes.set(step.at, outcome);
    this.progress.resolve(step);
  }

  private stop(halt?: Halt): void {
    this.halt ??= halt;
    this.phase = "ended";
  }

  private wake(at: number): void {
    this.wakeAt = Math.min(at, this.wakeAt ?? Number.POSITIVE_INFINITY);
  }

  private advance(now: number): readonly Effect[] {
    this.wakeAt = undefined;
    if (this.phase === "playing") this.act(now);
    if (this.phase === "playing") this.expire(now);
    if (this.phase === "playing" && this.progress.isFinished) this.settle(now);
    if (this.phase === "settling") {
      const lines = [...this.lines.values()];
      const isQuiet = lines.every(({ state, isSettled }) => state !== "in" || isSettled);
      const until = isQuiet ? this.lookUntil : this.settledAt;
      if (now >= until) this.phase = "ended";
      else this.wake(until);
    }
    const { effects } = this;
    this.effects = [];
    return effects;
  }

  /** Begins what can be begun. */
  private act(now: number): void {
    /** Clients whose next action is not ready: their later ones wait, too. */
    const held = new Set<string>();
    /** Lines that are not open yet, faults that are not made: what others do comes after them. */
    const barriers: Action[] = [];
    const isBarrier = ({ kind }: Action) => kind === "open" || kind === "fault";
    for (const action of this.progress.candidates()) {
      const { client } = action.of;
      // On its own line a client may send before it is let in (W7); a fault needs the name that it gets then.
      const isEarly = action.kind !== "fault";
      const mayPass = barriers.every(({ kind, of }) => isEarly && kind === "open" && of === action.of);
      if (this.progress.beganAt(action) === undefined) {
        if (held.has(client) || !mayPass || !this.isReady(action, now)) {
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
    const line = this.lines.get(action.of)!;
    const isAnonymous = action.kind === "open" && action.entry.token === "none";
    if (line.state === "in" || line.state === "closed" || (isAnonymous && line.state === "open"))
      this.progress.finish(action, now);
  }

  private isReady(action: Action, now: number): boolean {
    const line = this.lines.get(action.of);
    if (action.kind !== "open" && line?.state === "dialled") return false;
    const at = this.timeFor(action, line, now);
    if (at > now) {
      this.wake(at);
      return false;
    }
    if (action.kind !== "send" || action.after === undefined || this.progress.isResolved(action.after))
      return true;
    // The answer that it waits for may never come; the run says so where it stands in the file.
    const since = this.gated.get(action.at) ?? now;
    this.gated.set(action.at, since);
    if (now >= since + this.options.patience) return true;
    this.wake(since + this.options.patience);
    return false;
  }

  /** When an action may be taken at the earliest. */
  private timeFor(action: Action, line: PlayedLine | undefined, now: number): number {
    const { t } = action.entry;
    if (this.options.pace && t !== undefined) return this.startedAt + t;
    if (action.kind !== "send" || line === undefined) return now;
    // What was sent at once in the recording is sent at once again, be it a flood.
    const recorded = this.plan.pace.get(action.at);
    const inRecording = recorded === undefined ? Number.POSITIVE_INFINITY : (line.openedAt ?? now) + recorded;
    return Math.min(line.pacer.next(now), inRecording);
  }

  private begin(action: Action, now: number): void {
    const { client } = action.of;
    if (action.kind === "open") {
      const place = this.places.get(client) ?? "";
      const heard = this.unheard.get(action.of) ?? [];
      this.lines.set(action.of, new PlayedLine(action.of, place, heard, this.plan.recording, this.names));
    }
    const line = this.lines.get(action.of)!;
    if (line.state === "closed") {
      this.stop({ action, why: "its line is closed" });
      return;
    }
    if (action.kind === "fault" && line.connection === undefined) {
      this.stop({ action, why: "its line was not let in" });
      return;
    }
    this.progress.begin(action, now);
    const position = this.positions.get(client);
    const { conversation, space, connection } = line;
    this.effects.push(effectOf(action, { conversation, space, connection, position }, this.names));
    if (action.kind === "leave") line.leaving = action;
    if (action.kind !== "send") return;
    line.pacer.take(now);
    this.progress.finish(action, now);
  }

  /** Ends the run where something that must come does not. */
  private expire(now: number): void {
    const { patience } = this.options;
    const [begun] = this.progress.unanswered();
    if (begun !== undefined) {
      const until = this.progress.beganAt(begun)! + patience;
      const why = begun.kind === "open" ? "it was not let in" : "it was not answered";
      if (now >= until) {
        this.stop({ action: begun, why: `${why} within ${patience / 1000} s` });
        return;
      }
      this.wake(until);
    }
    const { next } = this.progress;
    const due = next && this.progress.dueSince(next);
    if (next === undefined || due === undefined) return;
    const { within } = next.entry;
    const allowed = within === undefined ? patience + this.progress.recordedGap(next) : within * 1000;
    if (now < due + allowed) {
      this.wake(due + allowed);
      return;
    }
    const why = `it did not come within ${Math.round(allowed) / 1000} s`;
    for (const step of this.progress.due()) {
      const hint = step.kind === "hear" ? this.lines.get(step.of)?.hint(step) : undefined;
      this.resolve(step, { is: "missing", took: now - due, why, ...(hint !== undefined && { hint }) });
    }
    this.stop();
  }

  /** Everything is done and heard: looks whether more comes than was expected. */
  private settle(now: number): void {
    this.phase = "settling";
    this.lookUntil = now + LAST_LOOK;
    this.settledAt = now + Math.max(LAST_LOOK, Math.min(LAST_WAIT, this.options.patience));
    if (this.plan.recording.unexpected === "pass") {
      this.stop();
      return;
    }
    for (const line of this.lines.values())
      if (line.state === "in")
        this.effects.push({
          do: "send",
          line: line.planned,
          data: JSON.stringify({ type: "ping", id: LAST_PING }),
        });
  }
}
