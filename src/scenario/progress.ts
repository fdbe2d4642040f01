import { type Action, type Expectation, isAction, type Step } from "./plan.ts";

/** How far a run is: which actions may be taken, and which expectation is the next. */
export class Progress {
  private readonly actions: readonly Action[];
  private readonly expectations: readonly Expectation[];
  /** By expectation: how many actions stand before it. */
  private readonly before: readonly number[];
  /** By action: when it was begun, and done. */
  private readonly begun: (number | undefined)[];
  private readonly done: (number | undefined)[];
  private readonly place = new Map<number, number>();
  private readonly resolved: boolean[];
  /** Actions before this one are all done; `doneAt` is when the last of them was. */
  private firstUndone = 0;
  private readonly doneAt: number[] = [];
  private firstOpen = 0;

  constructor(steps: readonly Step[]) {
    const actions: Action[] = [];
    const expectations: Expectation[] = [];
    const before: number[] = [];
    for (const step of steps) {
      this.place.set(step.at, isAction(step) ? actions.length : expectations.length);
      if (isAction(step)) actions.push(step);
      else {
        expectations.push(step);
        before.push(actions.length);
      }
    }
    this.actions = actions;
    this.expectations = expectations;
    this.before = before;
    this.begun = actions.map(() => undefined);
    this.done = actions.map(() => undefined);
    this.resolved = expectations.map(() => false);
  }

  get isFinished(): boolean {
    return this.firstUndone === this.actions.length && this.firstOpen === this.expectations.length;
  }

  /** The first expectation that nothing has become of. */
  get next(): Expectation | undefined {
    return this.expectations[this.firstOpen];
  }

  /** The actions that are not done and have nothing unheard before them, in the order of the file. */
  *candidates(): Generator<Action> {
    const until = this.next?.at ?? Number.POSITIVE_INFINITY;
    for (let index = this.firstUndone; index < this.actions.length; index++) {
      const action = this.actions[index]!;
      if (action.at > until) return;
      if (this.done[index] === undefined) yield action;
    }
  }

  beganAt(action: Action): number | undefined {
    return this.begun[this.place.get(action.at)!];
  }

  begin(action: Action, now: number): void {
    this.begun[this.place.get(action.at)!] = now;
  }

  finish(action: Action, now: number): void {
    this.done[this.place.get(action.at)!] = now;
    while (this.firstUndone < this.actions.length && this.done[this.firstUndone] !== undefined) {
      this.doneAt.push(Math.max(this.doneAt.at(-1) ?? 0, this.done[this.firstUndone]!));
      this.firstUndone++;
    }
  }

  isResolved(at: number): boolean {
    return this.resolved[this.place.get(at)!]!;
  }

  resolve(expectation: Expectation): void {
    this.resolved[this.place.get(expectation.at)!] = true;
    while (this.resolved[this.firstOpen]) this.firstOpen++;
  }

  /** Since when an expectation can come: everything before it was done then. Undefined where that is not so yet. */
  dueSince(expectation: Expectation): number | undefined {
    const before = this.before[this.place.get(expectation.at)!]!;
    if (before > this.firstUndone) return undefined;
    return this.doneAt[before - 1] ?? 0;
  }

  /** How long it took in the recording, in milliseconds, after what was done before it. */
  recordedGap(expectation: Expectation): number {
    const action = this.actions[this.before[this.place.get(expectation.at)!]! - 1];
    return Math.max(0, (expectation.entry.t ?? 0) - (action?.entry.t ?? expectation.entry.t ?? 0));
  }

  isDone(action: Action): boolean {
    return this.done[this.place.get(action.at)!] !== undefined;
  }

  /** What was begun and is not done, in the order of the file. */
  *unanswered(): Generator<Action> {
    for (let index = this.firstUndone; index < this.actions.length; index++) {
      if (this.begun[index] !== undefined && this.done[index] === undefined) yield this.actions[index]!;
      if (this.actions[index]!.at > (this.next?.at ?? Number.POSITIVE_INFINITY)) return;
    }
  }

  /** Every expectation that can come now and has not, in the order of the file. */
  due(): readonly Expectation[] {
    return this.expectations.filter(
      (step, index) => !this.resolved[index] && this.dueSince(step) !== undefined,
    );
  }
}
