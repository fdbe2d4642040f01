import { type Action, type Expectation, isAction, type Step } from "./plan.ts";

/** How far a run is: which actions may be taken, and which expectation is the next. */
export class Progress {
  private readonly actions: readonly Action[];
  private readonly expectations: readonly Expectation[];
  /** By expectation: how many actions stand before it. */
  private readonly actionsBefore: readonly number[];
  /** By action: when it was begun, and done. */
  private readonly startedAt: (number | undefined)[];
  private readonly finishedAt: (number | undefined)[];
  private readonly indexByStep = new Map<number, number>();
  private readonly resolved: boolean[];
  /** Actions before this one are all done; `prefixFinishedAt` is when the last of them was. */
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

  /** The first expectation that nothing has become of. */
  get next(): Expectation | undefined {
    return this.expectations[this.firstUnresolved];
  }

  /** The actions that are not done and have nothing unheard before them, in the order of the file. */
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

  isResolved(at: number): boolean {
    return this.resolved[this.indexByStep.get(at)!]!;
  }

  resolve(expectation: Expectation): void {
    this.resolved[this.indexByStep.get(expectation.index)!] = true;
    while (this.resolved[this.firstUnresolved]) this.firstUnresolved++;
  }

  /** Since when an expectation can come: everything before it was done then. Undefined where that is not so yet. */
  dueSince(expectation: Expectation): number | undefined {
    const before = this.actionsBefore[this.indexByStep.get(expectation.index)!]!;
    if (before > this.firstUndone) return undefined;
    return this.prefixFinishedAt[before - 1] ?? 0;
  }

  /** How long it took in the recording, in milliseconds, after what was done before it. */
  recordedGap(expectation: Expectation): number {
    const action = this.actions[this.actionsBefore[this.indexByStep.get(expectation.index)!]! - 1];
    return Math.max(0, (expectation.entry.t ?? 0) - (action?.entry.t ?? expectation.entry.t ?? 0));
  }

  isDone(action: Action): boolean {
    return this.finishedAt[this.indexByStep.get(action.index)!] !== undefined;
  }

  /** What was begun and is not done, in the order of the file. */
  *inProgress(): Generator<Action> {
    for (let index = this.firstUndone; index < this.actions.length; index++) {
      if (this.startedAt[index] !== undefined && this.finishedAt[index] === undefined)
        yield this.actions[index]!;
      if (this.actions[index]!.index > (this.next?.index ?? Number.POSITIVE_INFINITY)) return;
    }
  }

  /** Every expectation that can come now and has not, in the order of the file. */
  due(): readonly Expectation[] {
    return this.expectations.filter(
      (step, index) => !this.resolved[index] && this.dueSince(step) !== undefined,
    );
  }
}
