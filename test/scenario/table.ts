// Runs of recordings without sockets: short words for the lines of a file, and a table that they are played at.
import type { Effect } from "../../src/scenario/effects.ts";
import { type Cast, Names } from "../../src/scenario/names.ts";
import { planRun } from "../../src/scenario/plan.ts";
import { Play, type PlayOptions } from "../../src/scenario/play.ts";
import { readRecording } from "../../src/scenario/read.ts";
import type { Frame } from "../../src/scenario/recording.ts";

export const CLIENTS = ["ann", "bob"].map((name, index) => ({
  name,
  user: `user${index + 1}`,
  conversation: "lobby",
}));

export type Line = Readonly<Record<string, unknown>>;

export const open = (client: string, more: Line = {}): Line => ({
  client,
  dir: "line",
  event: "open",
  ...more,
});
export const close = (client: string, code: number, more: Line = {}): Line => ({
  client,
  dir: "line",
  event: "close",
  code,
  ...more,
});
export const out = (client: string, frame: Frame, more: Line = {}): Line => ({
  client,
  dir: "out",
  frame,
  ...more,
});
export const heard = (client: string, frame: Frame, more: Line = {}): Line => ({
  client,
  dir: "in",
  frame,
  ...more,
});
export const welcome = (seq = 0, more: Frame = {}): Frame => ({
  type: "welcome",
  connection: "c",
  seq,
  epoch: "e",
  ...more,
});
export const post = (id: string): Frame => ({ type: "message", id, text: id });
export const ack = (id: string, seq: number): Frame => ({ type: "ack", id, seq, at: 1, quota: {} });

/** A run of `lines`, told by hand what happens on its lines. */
export class Table {
  now = 1000;
  readonly play: Play;
  readonly done: Effect[] = [];

  constructor(
    lines: readonly Line[],
    {
      header = {},
      cast = {},
      ...options
    }: { header?: Line; cast?: Partial<Cast> } & Partial<PlayOptions> = {},
  ) {
    const first = { parley: "recording", version: 1, clients: CLIENTS, ...header };
    const text = [first, ...lines].map((line) => JSON.stringify(line)).join("\n");
    const { recording, problems } = readRecording(text);
    if (recording === undefined) throw new Error(JSON.stringify(problems));
    const planned = planRun(recording);
    if (planned.plan === undefined) throw new Error(JSON.stringify(planned.problems));
    const names = new Names(recording, { users: new Map(), conversations: new Map(), ...cast });
    this.play = new Play(planned.plan, names, { patience: 1000, pace: false, ...options });
    this.take(this.play.start(this.now));
  }

  /** What was done since it was asked last, in a few words each. */
  did(): string[] {
    return this.done.splice(0).map((effect) => {
      const { client, number } = effect.line;
      const who = number === 1 ? client : `${client}#${number}`;
      if (effect.do === "send") return `${who} ${effect.data}`;
      if (effect.do === "open")
        return `${who} opens${effect.after === undefined ? "" : ` after ${effect.after}`}`;
      return `${who} ${effect.do}`;
    });
  }

  opened(client: string, number = 1): this {
    this.take(this.play.opened(this.line(client, number), this.now));
    return this;
  }

  came(client: string, frame: Frame, number = 1): this {
    this.take(this.play.received(this.line(client, number), JSON.stringify(frame), this.now));
    return this;
  }

  closed(client: string, code: number, number = 1): this {
    this.take(this.play.closed(this.line(client, number), code, "", this.now));
    return this;
  }

  passes(milliseconds: number): this {
    this.now += milliseconds;
    this.take(this.play.tick(this.now));
    return this;
  }

  faulted(problem?: string): this {
    const action = this.faults.shift()!;
    this.take(this.play.faulted(action, problem, this.now));
    return this;
  }

  /** What became of each expectation, in the order of the file. */
  outcomes(): string[] {
    return [...this.play.outcomes].sort(([a], [b]) => a - b).map(([, { is }]) => is);
  }

  private readonly opening = new Map<string, Effect["line"]>();
  private readonly faults: Parameters<Play["faulted"]>[0][] = [];

  private take(effects: readonly Effect[]): void {
    for (const effect of effects) {
      this.done.push(effect);
      if (effect.do === "open") this.opening.set(`${effect.line.client}${effect.line.number}`, effect.line);
      if (effect.do === "fault") this.faults.push(effect.action);
    }
  }

  private line(client: string, number: number): Effect["line"] {
    return this.opening.get(`${client}${number}`)!;
  }
}
