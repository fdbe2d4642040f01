import type { RunningStream } from "./stream-writer.ts";

/** Most tokens a second: more than a connection may append. */
const MAX_TOKEN_RATE = 1_000;

interface StreamControlsProps {
  readonly isOn: boolean;
  /** Tokens a second. */
  readonly rate: number;
  readonly running: readonly RunningStream[];
  turn(isOn: boolean): void;
  setRate(rate: number): void;
  stop(): void;
}

/** Whether the message of the form is written as a stream, how fast, and how far it is. */
export function StreamControls({ isOn, rate, running, turn, setRate, stop }: StreamControlsProps) {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return (
    <div class="form-row stream-controls">
      <label class="check">
        <input
          type="checkbox"
          id="as-stream"
          checked={isOn}
          onChange={(event) => turn(event.currentTarget.checked)}
        />
        Write as a stream
      </label>
      {isOn && (
        <label class="amount">
          <input
            id="token-rate"
            type="number"
            min={1}
            max={MAX_TOKEN_RATE}
            value={rate}
            onChange={(event) =>
              setRate(Math.min(MAX_TOKEN_RATE, Math.max(1, Number(event.currentTarget.value) || 1)))
            }
          />
          tokens a second
        </label>
      )}
      {running.length > 0 && (
        <>
          <button type="button" class="plain small" id="stop-stream" onClick={stop}>
            Stop
          </button>
          <span class="fine">
            {sum(running.map((one) => one.written()))} of {sum(running.map(({ total }) => total))} written
          </span>
        </>
      )}
    </div>
  );
}
