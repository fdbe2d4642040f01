import { expect, test } from "bun:test";
import {
  MAX_APPEND_LENGTH,
  NEW_STREAM,
  type StreamEvent,
  type StreamState,
  streamStep,
} from "../../../src/client/stream/step.ts";
import { Random, seeds } from "../../support/random.ts";

const run = (...events: readonly StreamEvent[]) => {
  const effects: unknown[] = [];
  let state = NEW_STREAM;
  for (const event of events) {
    const next = streamStep(state, event);
    state = next.state;
    effects.push(...next.effects);
  }
  return { state, effects };
};
const started = (n = 0): StreamEvent => ({ type: "started", stream: "s", n });
const write = (text: string): StreamEvent => ({ type: "write", text });
const turn: StreamEvent = { type: "turn" };
const end: StreamEvent = { type: "end", end: {} };

/** Every event, and a state of each kind. */
const EVENTS: Readonly<Record<string, StreamEvent>> = {
  write: write("c"),
  end,
  started: started(0),
  stored: { type: "stored", n: 1 },
  acked: { type: "acked" },
  cancel: { type: "cancel" },
  conflict: { type: "refused", refusal: { code: "conflict", n: 0 } },
  unavailable: { type: "refused", refusal: { code: "unavailable" } },
  fenced: { type: "refused", refusal: { code: "fenced" } },
  rejected: { type: "rejected" },
  retry: { type: "retry" },
  cut: { type: "cut" },
  turn,
};
const open = run(started(), write("a"), turn, write("b"));
const STATES: Readonly<Record<StreamState["state"], StreamState>> = {
  starting: run(write("a")).state,
  open: open.state,
  taking_over: streamStep(open.state, { type: "cut" }).state,
  ending: run(started(), write("a"), end, turn).state,
  ended: run(started(), end, turn, { type: "acked" }).state,
  failed: run({ type: "rejected" }).state,
};

test("the table of states is total", () => {
  const table = Object.fromEntries(
    Object.entries(STATES).map(([name, state]) => {
      expect(state.state).toBe(name as never);
      const cells = Object.entries(EVENTS).map(([event, value]) => {
        const next = streamStep(state, value);
        return [event, [next.state.state, ...next.effects.map(({ type }) => type)].join(" ")];
      });
      return [name, Object.fromEntries(cells.filter(([, cell]) => cell !== name))];
    }),
  );
  expect(table).toEqual({
    starting: { started: "open", acked: "ended abort", cancel: "starting abort", rejected: "failed abort" },
    open: {
      acked: "ended abort",
      cancel: "open abort",
      conflict: "open append",
      unavailable: "open retry",
      fenced: "failed abort",
      rejected: "failed abort",
      retry: "open append",
      cut: "taking_over start",
      turn: "open append",
    },
    taking_over: {
      started: "open",
      acked: "ended abort",
      cancel: "taking_over abort",
      rejected: "failed abort",
    },
    ending: {
      acked: "ended",
      cancel: "ending abort",
      conflict: "ending append end",
      unavailable: "ending retry",
      fenced: "failed abort",
      rejected: "failed abort",
      retry: "ending append end",
      cut: "taking_over start",
    },
    ended: {},
    failed: {},
  });
});

test("a takeover goes on after the append that the server has", () => {
  const before = run(started(), write("a"), turn, write("b"), turn, write("c"), turn, end, turn, {
    type: "cut",
  });
  const next = streamStep(before.state, started(1));
  expect(next.state).toMatchObject({ state: "open", n: 1, kept: [], text: "bc" });
  expect(streamStep(next.state, turn).effects).toEqual([
    { type: "append", append: { n: 2, text: "bc" } },
    { type: "end", end: {} },
  ]);
});

test("a conflict resends what follows its `n`, and too large a text may still be ended", () => {
  const { state } = run(started(), write("a"), turn, write("b"), turn);
  expect(streamStep(state, { type: "refused", refusal: { code: "conflict", n: 1 } }).effects).toEqual([
    { type: "append", append: { n: 2, text: "b" } },
  ]);
  const full = streamStep(state, { type: "refused", refusal: { code: "too_large" } });
  expect(full).toMatchObject({ state: { state: "open", isFull: true }, effects: [{ type: "abort" }] });
  const ending = streamStep(streamStep(full.state, end).state, turn);
  expect(ending).toMatchObject({ state: { state: "ending" }, effects: [{ type: "end" }] });
});

test("an append is bounded, and ends with a whole character", () => {
  const text = `${"x".repeat(MAX_APPEND_LENGTH - 1)}😀`;
  const { effects, state } = run(started(), write(text), turn, turn, write("😀".charAt(0)), turn);
  expect(effects).toEqual([
    { type: "append", append: { n: 1, text: text.slice(0, -2) } },
    { type: "append", append: { n: 2, text: "😀" } },
  ]);
  expect(streamStep({ ...state, text: "😀" }, turn).effects).toHaveLength(1);
});

test("half of a character that nothing completes is sent as the replacement character", () => {
  const half = "😀".charAt(0);
  const { effects } = run(started(), write(`a${half}`), turn, write("b"), turn, write(half), end, turn);
  expect(effects).toEqual([
    { type: "append", append: { n: 1, text: "a" } },
    { type: "append", append: { n: 2, text: "\ufffdb" } },
    { type: "append", append: { n: 3, text: "\ufffd" } },
    { type: "end", end: {} },
  ]);
});

test("data that leaves no room for text is sent alone", () => {
  const data = { fill: "x".repeat(60_000) };
  const { effects } = run(started(), { type: "write", text: "abc", data }, turn, turn);
  expect(effects).toEqual([
    { type: "append", append: { n: 1, text: "", data } },
    { type: "append", append: { n: 2, text: "abc" } },
  ]);
});

test("a stream of which a frame or the end was refused is ended, so that it does not stay open", () => {
  const { state } = run(started(), write("a"), turn);
  const over = [{ type: "end", end: { state: "failed" } }, { type: "abort" }] as const;
  const invalid = streamStep(state, { type: "refused", refusal: { code: "invalid" } });
  expect(invalid).toMatchObject({ state: { state: "failed" }, effects: over });
  const ending = run(started(), write("a"), end, turn).state;
  const refused = streamStep(ending, { type: "refused", refusal: { code: "too_large" } });
  expect(refused).toMatchObject({ state: { state: "failed" }, effects: over });
});

test("over cuts, lost frames and refusals the server has the written text once", () => {
  for (const seed of seeds(200)) {
    const random = new Random(seed);
    let state = NEW_STREAM;
    let written = "";
    let text = "";
    let stored = 0;
    let isEnded = false;
    /** A server that stores what it receives in order, on a line that loses the rest once it is cut. */
    const dispatch = (event: StreamEvent, isLost = false): void => {
      const next = streamStep(state, event);
      state = next.state;
      for (const effect of next.effects) {
        if (isLost) continue;
        if (effect.type === "append" && effect.append.n === stored + 1) {
          stored++;
          text += effect.append.text;
        } else if (effect.type === "append")
          expect(effect.append.n, `seed ${seed}`).toBeLessThanOrEqual(stored);
        else if (effect.type === "end") isEnded = true;
      }
    };
    dispatch(started());
    for (let index = 0; index < 60; index++) {
      const more = `${index} ${"😀".repeat(random.between(0, 3))}`;
      if (random.next() < 0.6) {
        written += more;
        dispatch(write(more));
      }
      if (random.next() < 0.3) dispatch({ type: "stored", n: stored });
      if (random.next() < 0.1) dispatch({ type: "refused", refusal: { code: "unavailable" } });
      if (random.next() < 0.2) dispatch({ type: "retry" });
      const isCut = random.next() < 0.2;
      dispatch(turn, isCut);
      if (!isCut) continue;
      dispatch({ type: "cut" });
      dispatch(started(stored));
    }
    dispatch(end);
    while (!isEnded) dispatch(turn);
    expect(text, `seed ${seed}`).toBe(written);
  }
});
