import { useState } from "preact/hooks";
import { newId } from "../../../client/new-id.ts";
import { formatMs } from "../../format.ts";
import { Fact } from "../../view/fact.tsx";
import type { Progress } from "./series-runner.ts";
import type { Series } from "./series-schedule.ts";

/** Largest text of a message in a series: a larger frame would cost the connection. */
const MAX_SIZE = 65_000;

/** Most frames in one series of one client. */
const MAX_COUNT = 1_000_000;

interface SeriesFormProps {
  readonly progress: Progress | undefined;
  /** The conversation of the messages. */
  readonly conversation: string;
  /** Without `make`, the text above is sent. */
  start(series: Series, make?: (n: number) => string): void;
  stop(): void;
}

/** A series of messages: rate, number and size. */
export function SeriesForm({ progress, conversation, start, stop }: SeriesFormProps) {
  const [rate, setRate] = useState(10);
  const [count, setCount] = useState(100);
  const [size, setSize] = useState(64);
  const [what, setWhat] = useState<"messages" | "text">("messages");

  function submit(event: Event): void {
    event.preventDefault();
    const series = { rate, count };
    const run = newId().slice(0, 6);
    const message = (n: number) =>
      JSON.stringify({ type: "message", conversation, id: `${run}-${n}`, text: textOf(n, size) });
    start(series, what === "text" ? undefined : message);
  }

  return (
    <section aria-labelledby="series-title">
      <h2 id="series-title">Series</h2>
      <form class="series" id="series" noValidate onSubmit={submit}>
        <label>
          What
          <select
            id="series-what"
            value={what}
            onChange={(event) => setWhat(event.currentTarget.value as typeof what)}
          >
            <option value="messages">messages</option>
            <option value="text">the text above</option>
          </select>
        </label>
        <NumberField
          label="A second"
          id="series-rate"
          value={rate}
          min={0}
          max={10_000}
          set={setRate}
          title="0: as fast as the connection allows"
        />
        <NumberField
          label="How many"
          id="series-count"
          value={count}
          min={1}
          max={MAX_COUNT}
          set={setCount}
        />
        {what === "messages" && (
          <NumberField
            label="Bytes of text"
            id="series-size"
            value={size}
            min={1}
            max={MAX_SIZE}
            set={setSize}
          />
        )}
        {progress?.running ? (
          <button type="button" class="plain" id="series-stop" onClick={stop}>
            Stop
          </button>
        ) : (
          <button type="submit" class="primary" id="series-start">
            Start
          </button>
        )}
      </form>
      <p class="fine">
        Each message costs one request of the plan; over 20 a second the server warns, then closes
        (BURST_RATE).
      </p>
      {progress && <ProgressView progress={progress} />}
    </section>
  );
}

interface NumberFieldProps {
  readonly label: string;
  readonly id: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly title?: string;
  set(value: number): void;
}

function NumberField({ label, id, value, min, max, title, set }: NumberFieldProps) {
  return (
    <label title={title}>
      {label}
      <input
        id={id}
        type="number"
        min={min}
        max={max}
        value={value}
        onChange={(event) =>
          set(Math.min(max, Math.max(min, Math.round(Number(event.currentTarget.value)) || min)))
        }
      />
    </label>
  );
}

function ProgressView({ progress }: { readonly progress: Progress }) {
  const { sent, total, acked, refused, median, p99, problem } = progress;
  return (
    <div class="progress" id="series-progress">
      <progress max={total} value={sent} aria-label="Sent" />
      <dl class="facts">
        <Fact term="Sent" value={`${sent.toLocaleString("en")} of ${total.toLocaleString("en")}`} />
        <Fact term="Answered" id="series-answered" value={acked.toLocaleString("en")} />
        <Fact term="Refused" value={refused.toLocaleString("en")} />
        <Fact term="Half within" value={median === undefined ? "–" : formatMs(median)} />
        <Fact term="99 % within" value={p99 === undefined ? "–" : formatMs(p99)} />
      </dl>
      <p class="problem" role="alert">
        {problem ?? ""}
      </p>
    </div>
  );
}

/** Returns a text of `size` bytes that begins with its number. */
function textOf(n: number, size: number): string {
  return `${n} `.padEnd(size, "lorem ipsum ").slice(0, size);
}
