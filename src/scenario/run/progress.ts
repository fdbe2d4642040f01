import { type Action, type Expectation, isAction, type Step } from "./plan.ts";

/** The progress of a run: which actions may start, and which expectation is the next. */
export class Progress {
  private readonly actions: readonly Action[];
  private readonly expectations: readonly Expectation[];
  /** By expectation: how many actions precede it. */
  private readonly actionsBefore: readonly number[];
  /** By action: when it started, and when it finished. */
  private readonly startedAt: (number | undefined)[];
  private readonly finishedAt: (number | undefined)[];
  private readonly indexByStep = new Map<number, number>();
  private readonly resolved: boolean[];
  /** All actions before this index are done; `prefixFinishedAt` holds when the last of each prefix was. */
  private firstUndone = 0;
  private readonly prefixFinishedAt: number[] = [];
  private firstUnresolved = 0;

  constructor(steps: readonly Step[]) {
    const actions: Action[] = [];
    const expectations: Expectation[] = [];
    const before: number[] = [];
    for (const step of steps) {
      this.indexByStep.set(step.index, isAction(step) ? actions.length : expectations.length);
      if (isAction(step)) actions.push(step);
      else {
        expectations.push(step);
        before.push(actions.length);
      }
    }
    this.actions = actions;
    this.expectations = expectations;
    this.actionsBefore = before;
    this.startedAt = actions.map(() => undefined);
    this.finishedAt = actions.map(() => undefined);
    this.resolved = expectations.map(() => false);
  }

  get isFinished(): boolean {
    return this.firstUndone === this.actions.length && this.firstUnresolved === this.expectations.length;
  }

  /** The first expectation without an outcome. */
  get next(): Expectation | undefined {
    return this.expectations[this.firstUnresolved];
  }

  /** Yields the unfinished actions without an open expectation before them, in the order of the file. */
  *startable(): Generator<Action> {
    const until = this.next?.index ?? Number.POSITIVE_INFINITY;
    for (let index = this.firstUndone; index < this.actions.length; index++) {
      const action = this.actions[index]!;
      if (action.index > until) return;
      if (this.finishedAt[index] === undefined) yield action;
    }
  }

  startTime(action: Action): number | undefined {
    return this.startedAt[this.indexByStep.get(action.index)!];
  }

  start(action: Action, now: number): void {
    this.startedAt[this.indexByStep.get(action.index)!] = now;
  }

  finish(action: Action, now: number): void {
    this.finishedAt[this.indexByStep.get(action.index)!] = now;
    while (this.firstUndone < this.actions.length && this.finishedAt[this.firstUndone] !== undefined) {
      this.prefixFinishedAt.push(
        Math.max(this.prefixFinishedAt.at(-1) ?? 0, this.finishedAt[this.firstUndone]!),
      );
      this.firstUndone++;
    }
  }

  isResolved(stepIndex: number): boolean {
    return this.resolved[this.indexByStep.get(stepIndex)!]!;
  }

  resolve(expectation: Expectation): void {
    this.resolved[this.indexByStep.get(expectation.index)!] = true;
    while (this.resolved[this.firstUnresolved]) this.firstUnresolved++;
  }

  /** Returns since when an expectation is due: when all actions before it were done. Undefined if some are not. */
  dueSince(expectation: Expectation): number | undefined {
    const before = this.actionsBefore[this.indexByStep.get(expectation.index)!]!;
    if (before > this.firstUndone) return undefined;
    return this.prefixFinishedAt[before - 1] ?? 0;
  }

  /** Returns how long it took in the recording, in milliseconds, after the action before it. */
  recordedGap(expectation: Expectation): number {
    const action = this.actions[this.actionsBefore[this.indexByStep.get(expectation.index)!]! - 1];
    return Math.max(0, (expectation.entry.t ?? 0) - (action?.entry.t ?? expectation.entry.t ?? 0));
  }

  isDone(action: Action): boolean {
    return this.finishedAt[this.indexByStep.get(action.index)!] !== undefined;
  }

  /** Yields the actions that have started and are not done, in the order of the file. */
  *inProgress(): Generator<Action> {
    for (let index = this.firstUndone; index < this.actions.length; index++) {
      if (this.startedAt[index] !== undefined && this.finishedAt[index] === undefined)
        yield this.actions[index]!;
      if (this.actions[index]!.index > (this.next?.index ?? Number.POSITIVE_INFINITY)) return;
    }
  }

  /** Returns the expectations that are due and have no outcome, in the order of the file. */
  due(): readonly Expectation[] {
    return this.expectations.filter(
      (step, index) => !this.resolved[index] && this.dueSince(step) !== undefined,
    );
  }
}
