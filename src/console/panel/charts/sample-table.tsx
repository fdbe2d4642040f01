import { nearestRank } from "../../../protocol/nearest-rank.ts";
import { formatBytes, formatMs, timeOfDay } from "../../format.ts";
import type { SampleColumns } from "./samples.ts";

/** Number of rows, the newest first. */
const MAX_ROWS = 60;

interface SampleTableProps {
  readonly columns: SampleColumns;
  /** The clients whose quota has a column. */
  readonly clients: readonly string[];
  nameOf(id: string): string;
}

/** The numbers of the charts: a row for each second with events, and one for the total. */
export function SampleTable({ columns, clients, nameOf }: SampleTableProps) {
  const { times, sent, received, p50, p95, p99, acks, unsent, quota } = columns;
  const busy = times.flatMap((_, at) =>
    sent[at] || received[at] || p50[at] !== null || unsent[at] ? [at] : [],
  );
  const shown = busy.slice(-MAX_ROWS).reverse();
  const sum = (values: readonly (number | null)[]) =>
    values.reduce<number>((total, value) => total + (value ?? 0), 0);
  const most = Math.max(0, ...unsent.map((value) => value ?? 0));
  return (
    <table class="samples">
      <caption class="fine">
        {`The last ${times.length / 60} min${busy.length > MAX_ROWS ? `; the newest ${MAX_ROWS} of ${busy.length} seconds in which something was` : "; seconds in which nothing was are left out"}`}
      </caption>
      <thead>
        <tr>
          <th scope="col">Second</th>
          <th scope="col">Sent</th>
          <th scope="col">Received</th>
          <th scope="col">Ack 50 %</th>
          <th scope="col">Ack 95 %</th>
          <th scope="col">Ack 99 %</th>
          <th scope="col">Unsent</th>
          {clients.map((id) => (
            <th scope="col" key={id}>{`Left to ${nameOf(id)}`}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        <tr class="samples-sum" id="samples-sum">
          <th scope="row">All</th>
          <td>{sum(sent)}</td>
          <td>{sum(received)}</td>
          <td>{time(nearestRank(acks, 0.5) ?? null)}</td>
          <td>{time(nearestRank(acks, 0.95) ?? null)}</td>
          <td>{time(nearestRank(acks, 0.99) ?? null)}</td>
          <td>{formatBytes(most)}</td>
          {clients.map((id) => (
            <td key={id}>{quota.get(id)?.at(-1)?.toLocaleString("en") ?? "–"}</td>
          ))}
        </tr>
        {shown.map((at) => (
          <tr key={times[at]}>
            <th scope="row">{timeOfDay(times[at]!)}</th>
            <td>{sent[at]}</td>
            <td>{received[at]}</td>
            <td>{time(p50[at]!)}</td>
            <td>{time(p95[at]!)}</td>
            <td>{time(p99[at]!)}</td>
            <td>{formatBytes(unsent[at]!)}</td>
            {clients.map((id) => (
              <td key={id}>{quota.get(id)?.[at]?.toLocaleString("en") ?? "–"}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function time(value: number | null): string {
  return value === null ? "–" : formatMs(value);
}
