// Runs of recordings without sockets: short words for the lines of a file, and a table that they are played at.

import { type IdentityMapping, NameMapping } from "../../../src/scenario/compare/name-mapping.ts";
import { parseRecording } from "../../../src/scenario/format/parse.ts";
import type { Frame } from "../../../src/scenario/format/recording.ts";
import type { Effect } from "../../../src/scenario/run/effects.ts";
import { planRun } from "../../../src/scenario/run/plan.ts";
import { type RunnerOptions, ScenarioRunner } from "../../../src/scenario/run/runner.ts";

export const CLIENTS = ["ann", "bob"].map((name, index) => ({
  name,
  user: `user${index + 1}`,
  conversation: "lobby",
}));

export type EntryLine = Readonly<Record<string, unknown>>;

export const open = (client: string, more: EntryLine = {}): EntryLine => ({
  client,
  dir: "line",
  event: "open",
  ...more,
});
export const close = (client: string, code: number, more: EntryLine = {}): EntryLine => ({
  client,
  dir: "line",
  event: "close",
  code,
  ...more,
});
export const out = (client: string, frame: Frame, more: EntryLine = {}): EntryLine => ({
  client,
  dir: "out",
  frame,
  ...more,
});
export const received = (client: string, frame: Frame, more: EntryLine = {}): EntryLine => ({
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

/** A run of `lines`; the test decides what happens on its connections. */
export class ScriptedRun {
  now = 1000;
  readonly runner: ScenarioRunner;
  readonly done: Effect[] = [];

  constructor(
    lines: readonly EntryLine[],
    {
      header = {},
      cast = {},
      ...options
    }: { header?: EntryLine; cast?: Partial<IdentityMapping> } & Partial<RunnerOptions> = {},
  ) {
    const first = { parley: "recording", version: 1, clients: CLIENTS, ...header };
    const text = [first, ...lines].map((line) => JSON.stringify(line)).join("\n");
    const { recording, problems } = parseRecording(text);
    if (recording === undefined) throw new Error(JSON.stringify(problems));
    const planned = planRun(recording);
    if (planned.plan === undefined) throw new Error(JSON.stringify(planned.problems));
    const names = new NameMapping(recording, { users: new Map(), conversations: new Map(), ...cast });
    this.runner = new ScenarioRunner(planned.plan, names, { timeoutMs: 1000, pace: false, ...options });
    this.apply(this.runner.start(this.now));
  }

  /** The actions since the last call, in a few words each. */
  takeActions(): string[] {
    return this.done.splice(0).map((effect) => {
      const { client, number } = effect.connection;
      const who = number === 1 ? client : `${client}#${number}`;
      if (effect.type === "send") return `${who} ${effect.data}`;
      if (effect.type === "open")
        return `${who} opens${effect.after === undefined ? "" : ` after ${effect.after}`}`;
      return `${who} ${effect.type}`;
    });
  }

  opened(client: string, number = 1): this {
    this.apply(this.runner.opened(this.connection(client, number), this.now));
    return this;
  }

  receives(client: string, frame: Frame, number = 1): this {
    this.apply(this.runner.received(this.connection(client, number), JSON.stringify(frame), this.now));
    return this;
  }

  closed(client: string, code: number, number = 1): this {
    this.apply(this.runner.closed(this.connection(client, number), code, "", this.now));
    return this;
  }

  advance(milliseconds: number): this {
    this.now += milliseconds;
    this.apply(this.runner.tick(this.now));
    return this;
  }

  faulted(problem?: string): this {
    const action = this.faults.shift()!;
    this.apply(this.runner.faultSettled(action, problem, this.now));
    return this;
  }

  /** The outcome of each expectation, in the order of the file. */
  outcomes(): string[] {
    return [...this.runner.outcomes].sort(([a], [b]) => a - b).map(([, { kind }]) => kind);
  }

  private readonly connections = new Map<string, Effect["connection"]>();
  private readonly faults: Parameters<ScenarioRunner["faultSettled"]>[0][] = [];

  private apply(effects: readonly Effect[]): void {
    for (const effect of effects) {
      this.done.push(effect);
      if (effect.type === "open")
        this.connections.set(`${effect.connection.client}${effect.connection.number}`, effect.connection);
      if (effect.type === "fault") this.faults.push(effect.action);
    }
  }

  private connection(client: string, number: number): Effect["connection"] {
    return this.connections.get(`${client}${number}`)!;
  }
}
