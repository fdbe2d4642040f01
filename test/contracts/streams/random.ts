// Random commands, compared with the pure rules (src/core/streams/draft.ts) after each.
import { expect, test } from "bun:test";
import type { StreamWriter } from "../../../src/core/ports/conversation/streams.ts";
import {
  type Draft,
  type DraftEvent,
  type DraftOutcome,
  jsonBytes,
  newDraft,
  DEFAULT_STREAM_RULES as RULES,
  stepDraft,
} from "../../../src/core/streams/draft.ts";
import { Random, seeds } from "../../support/random.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { type OpenStreams, StreamSubject } from "./stream-subject.ts";

const COMMANDS = 150;
const USERS = ["anna", "ben"] as const;
const IDS = ["a", "b", "c"] as const;

/** A stream as the rules have it. */
interface Expected {
  readonly user: string;
  readonly id: string;
  draft: Draft | undefined;
  text: string;
  data: string | undefined;
  /** What it has become. */
  message: { text: string; state: string; erasedBy: string | undefined } | undefined;
  /** All writers that it has had; some of them are fenced. */
  writers: StreamWriter[];
}

/** An engine and the rules side by side. */
class Comparison {
  private readonly expected: Expected[] = USERS.flatMap((user) =>
    IDS.map((id) => ({
      ...{ user, id, draft: undefined, text: "", data: undefined, message: undefined },
      writers: [],
    })),
  );

  constructor(
    private readonly streams: StreamSubject,
    private readonly random: Random,
  ) {}

  private get now(): number {
    return this.streams.subject.clock.now();
  }

  async command(): Promise<void> {
    const one = this.random.pick(this.expected);
    const chance = this.random.next();
    if (chance < 0.25 || one.writers.length === 0) await this.start(one);
    else if (chance < 0.65) await this.append(one);
    else if (chance < 0.72) await this.cancel(one);
    else if (chance < 0.8) await this.end(one);
    else if (chance < 0.83) await this.refuse(one.user);
    else await this.pass(this.random.pick([1_000, 4_000, 6_000, 20_000, 31_000]));
    await this.compare();
  }

  private async start(one: Expected): Promise<void> {
    const { user, id } = one;
    const restart = this.random.next() < 0.3;
    const data = this.random.next() < 0.3 ? `{"k":${this.random.between(0, 9)}}` : undefined;
    const result = await this.streams.start(id, { user, restart, ...(data !== undefined && { data }) });
    if (one.message !== undefined) {
      expect(result).toMatchObject({ outcome: "duplicate" });
      return;
    }
    const isNew = one.draft === undefined;
    if (isNew) one.draft = newDraft(this.now, RULES);
    else if (this.step(one, { type: "start", restart }).type === "taken_over" && restart) one.text = "";
    if (data !== undefined) one.data = data;
    const { generation, n, cancel } = one.draft!;
    const outcome = isNew ? "started" : "taken_over";
    expect(result).toMatchObject({ outcome, generation, n, ...(cancel && { cancelledBy: cancel.by }) });
    if ("stream" in result) one.writers.push({ conversation: "room", stream: result.stream, generation });
  }

  private async append(one: Expected): Promise<void> {
    const writer = this.writerOf(one);
    const from = Math.max(1, (one.draft?.n ?? 0) + this.random.pick([-1, 0, 1, 1, 1, 1, 2]));
    const appends = Array.from({ length: this.random.between(1, 3) }, (_, i) => ({
      n: from + i,
      text: this.random.next() < 0.05 ? "x".repeat(RULES.maxBytes - 10) : `${from + i}:ü"\n`,
      ...(this.random.next() < 0.2 && { data: `{"n":${from + i}}` }),
    }));
    const sizes = appends.map(({ n, text }) => ({ n, bytes: jsonBytes(text) }));
    const result = await this.streams.append(writer, ...appends);
    const outcome = this.step(one, { type: "append", generation: writer.generation, appends: sizes });
    expect(result.outcome).toBe(outcome.type as never);
    if (outcome.type === "gap") expect(result).toEqual({ outcome: "gap", n: outcome.n });
    if (outcome.type !== "stored") return;
    const { cancel } = one.draft!;
    expect(result).toEqual({
      ...{ outcome: "stored", n: outcome.n },
      ...(cancel !== undefined && { cancelledBy: cancel.by }),
    });
    for (const { text, data } of appends.slice(outcome.skip)) {
      one.text += text;
      one.data = data ?? one.data;
    }
  }

  private async cancel(one: Expected): Promise<void> {
    const { stream } = one.writers.at(-1)!;
    const discard = this.random.next() < 0.3;
    const by = this.random.pick(["moderator", one.user]);
    const result = await this.streams.cancel({ stream }, by, { moderates: by === "moderator", discard });
    expect(result).toEqual(
      one.draft === undefined ? { outcome: "not_found" } : { outcome: "asked", streams: 1 },
    );
    this.step(one, { type: "cancel", by, discard });
  }

  private async end(one: Expected): Promise<void> {
    const writer = this.writerOf(one);
    const state = this.random.pick(["done", "failed", undefined] as const);
    const result = await this.streams.end(writer, { state });
    const outcome = this.step(one, { type: "end", generation: writer.generation, state });
    expect(result.outcome).toBe(outcome.type === "ended" ? "stored" : "fenced");
  }

  private async refuse(user: string): Promise<void> {
    await this.streams.subject.engine.streams.refuse(user, "room");
    for (const one of this.expected) if (one.user === user) this.step(one, { type: "refuse" });
  }

  private async pass(milliseconds: number): Promise<void> {
    this.streams.subject.clock.advance(milliseconds);
    for (const one of this.expected) this.step(one, { type: "due" });
    const open = this.expected.filter(({ draft }) => draft !== undefined).length;
    await waitUntil("what is due has ended", async () => (await this.streams.drafts()).length === open);
  }

  /** The present writer, mostly; else one from before. */
  private writerOf({ writers }: Expected): StreamWriter {
    return this.random.next() < 0.8 ? writers.at(-1)! : this.random.pick(writers);
  }

  private step(one: Expected, event: DraftEvent): DraftOutcome {
    const { draft, outcome } = stepDraft(one.draft, event, this.now, RULES);
    one.draft = draft;
    if (outcome.type === "ended") {
      const { state, erasedBy } = outcome;
      one.message = { text: erasedBy === undefined ? one.text : "", state, erasedBy };
    }
    return outcome;
  }

  private async compare(): Promise<void> {
    const drafts = await this.streams.drafts();
    const shown = drafts.map(({ from, id, generation, n, text, data }) => ({
      ...{ from, id, generation, n, text, data },
    }));
    const open = this.expected.flatMap(({ user: from, id, draft, text, data }) =>
      draft === undefined ? [] : [{ from, id, generation: draft.generation, n: draft.n, text, data }],
    );
    expect(shown.sort(byName)).toEqual(open.sort(byName));
  }

  /** Ends all that is open, and compares the messages. */
  async finish(): Promise<void> {
    for (const user of USERS) await this.refuse(user);
    await this.compare();
    const { messages } = await this.streams.subject.read();
    const stored = messages.map(({ from, id, text, stream, erased, data }) => ({
      ...{ from, id, text, state: stream?.state, erasedBy: erased?.by },
      data: data === undefined ? undefined : JSON.stringify(data),
    }));
    const expected = this.expected.flatMap(({ user: from, id, message, data }) =>
      message === undefined ? [] : [{ from, id, ...message, data: message.erasedBy ? undefined : data }],
    );
    expect(stored.sort(byName)).toEqual(expected.sort(byName) as never);
  }
}

function byName(a: { from: string; id: string }, b: { from: string; id: string }): number {
  return `${a.from}/${a.id}` < `${b.from}/${b.id}` ? -1 : 1;
}

export function randomContract(open: OpenStreams): void {
  for (const seed of seeds(7, 20_261_130)) {
    test(`ST1 ST2 ST3 ST4 random commands do what the rules say (seed ${seed})`, async () => {
      await using streams = await StreamSubject.begin(open);
      const comparison = new Comparison(streams, new Random(seed));
      for (let i = 0; i < COMMANDS; i++) await comparison.command();
      await comparison.finish();
    });
  }
}
