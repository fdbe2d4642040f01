// Charts and a table of message rates, ack times, remaining quotas, and unsent bytes.
import { computed, effect, signal, untracked } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { formatBytes, formatMs, timeOfDay } from "../../format.ts";
import { IconButton } from "../../view/icon.tsx";
import type { Panel, PanelContext } from "../panel.ts";
import { Chart, type ChartSeries } from "./chart.tsx";
import { type Draw, loadDraw } from "./load.ts";
import { SampleTable } from "./sample-table.tsx";
import { createSamples, type SampleColumns } from "./samples.ts";

/** How much time is shown, in seconds. */
const SPANS: readonly (readonly [number, string])[] = [
  [60, "1 minute"],
  [300, "5 minutes"],
  [900, "15 minutes"],
];

/** Most clients whose quota has a line and a column; more would be hard to distinguish. */
const MAX_QUOTAS = 8;

type Loading =
  | { readonly state: "not asked" | "loading" | "failed" }
  | { readonly state: "there"; readonly draw: Draw };

export function createCharts(context: PanelContext): Panel {
  const { workbench } = context;
  const samples = createSamples();
  const loading = signal<Loading>({ state: "not asked" });
  /** Empty: all clients. */
  const chosen = signal("");
  const span = signal(SPANS[0]![0]);
  const second = computed(() => Math.floor(workbench.now.value / 1000));
  /** The end of the shown time while paused. */
  const pausedAt = signal<number | undefined>(undefined);
  const pointed = signal<number | undefined>(undefined);
  const isTable = signal(false);

  /** `justSent` bytes were passed to the browser just now, so they cannot have been sent yet. */
  function measure(id: string, at: number, justSent = 0): void {
    const client = workbench.clients.peek().find((one) => one.id === id);
    if (client === undefined) return;
    const unsent = Math.max(0, client.wire.unsent() - justSent);
    const quota = client.current().usage?.remaining;
    samples.measure(id, at, { unsent, ...(quota !== undefined && { quota }) });
  }

  workbench.onFrame((frame) => {
    samples.note(frame);
    // The number of unsent bytes is highest right after a send.
    if (frame.direction === "out") measure(frame.client, frame.at, frame.bytes);
  });
  effect(() => {
    const at = workbench.now.value;
    untracked(() => {
      for (const { id } of workbench.clients.value) measure(id, at);
    });
  });
  // Samples are dropped together with their clients.
  effect(() => {
    if (!workbench.isSignedOut.value) return;
    samples.clear();
    pausedAt.value = undefined;
    chosen.value = "";
  });

  async function load(): Promise<void> {
    const { state } = loading.value;
    if (state === "loading" || state === "there") return;
    loading.value = { state: "loading" };
    try {
      loading.value = { state: "there", draw: await loadDraw() };
    } catch {
      loading.value = { state: "failed" };
    }
  }

  function togglePause(): void {
    pausedAt.value = pausedAt.value === undefined ? second.value : undefined;
    context.announcer.announce(pausedAt.value === undefined ? "The charts go on" : "The charts are paused");
  }

  function toggleTable(): void {
    isTable.value = !isTable.value;
  }

  function View() {
    useEffect(() => void load(), []);
    const all = workbench.clients.value.map(({ id }) => id);
    const clients = all.includes(chosen.value) ? [chosen.value] : all;
    // The current second is not complete yet.
    const to = pausedAt.value ?? second.value;
    const columns = samples.read(clients, to - span.value, to);
    /** The time under the pointer, or the end while paused. */
    const moment = pointed.value === undefined ? pausedAt.value : columns.times[pointed.value];
    const isPaused = pausedAt.value !== undefined;
    return (
      <div class="panel-page charts">
        <form class="filters" aria-label="What is shown" onSubmit={(event) => event.preventDefault()}>
          <select
            id="charts-client"
            aria-label="Client"
            value={clients.length === 1 && chosen.value !== "" ? chosen.value : ""}
            onChange={(event) => {
              chosen.value = event.currentTarget.value;
            }}
          >
            <option value="">All clients</option>
            {all.map((id) => (
              <option key={id} value={id}>
                {workbench.nameOf(id)}
              </option>
            ))}
          </select>
          <select
            id="charts-span"
            aria-label="Time"
            value={span.value}
            onChange={(event) => {
              span.value = Number(event.currentTarget.value);
            }}
          >
            {SPANS.map(([seconds, words]) => (
              <option key={seconds} value={seconds}>
                {words}
              </option>
            ))}
          </select>
          <button
            type="button"
            class="plain small"
            id="charts-table"
            aria-expanded={isTable.value}
            aria-controls="samples"
            title="Show the numbers as a table (b)"
            onClick={toggleTable}
          >
            Table
          </button>
          <IconButton
            icon={isPaused ? "play" : "pause"}
            label={isPaused ? "Go on" : "Pause"}
            shortcut="p"
            id="charts-pause"
            pressed={isPaused}
            onClick={togglePause}
          />
          <span class="fine" id="charts-moment">
            {moment === undefined ? "" : `at ${timeOfDay(moment)}`}
          </span>
        </form>
        <section id="samples" aria-label="The numbers" tabIndex={isTable.value ? 0 : undefined}>
          {isTable.value && (
            <SampleTable columns={columns} clients={clients.slice(0, MAX_QUOTAS)} nameOf={workbench.nameOf} />
          )}
        </section>
        <Drawn columns={columns} clients={clients} />
      </div>
    );
  }

  function Drawn({
    columns,
    clients,
  }: {
    readonly columns: SampleColumns;
    readonly clients: readonly string[];
  }) {
    if (loading.value.state === "failed")
      return (
        <p class="problem" id="charts-problem" role="alert">
          The charts could not be loaded; the table has the numbers.{" "}
          <button type="button" class="plain small" onClick={load}>
            Try again
          </button>
        </p>
      );
    if (loading.value.state !== "there") return <p class="fine">The charts are being loaded …</p>;
    const common = {
      times: columns.times,
      draw: loading.value.draw,
      pointed: pointed.value,
      point(index: number | undefined) {
        pointed.value = index;
      },
    };
    const hidden = clients.length - MAX_QUOTAS;
    return (
      <>
        <Chart
          id="messages"
          title="Messages a second"
          words={String}
          curves={messages(columns)}
          {...common}
        />
        <Chart id="acks" title="Ack time" words={formatMs} curves={acks(columns)} {...common} />
        <Chart
          id="quota"
          title="Quota left"
          words={(value) => value.toLocaleString("en")}
          curves={clients.slice(0, MAX_QUOTAS).map((id) => quota(columns, id))}
          {...common}
        />
        {hidden > 0 && <p class="fine">{`${hidden} more clients are not shown; choose one above.`}</p>}
        <Chart id="unsent" title="Unsent" words={formatBytes} curves={unsent(columns)} {...common} />
      </>
    );
  }

  function quota(columns: SampleColumns, id: string): ChartSeries {
    return {
      label: workbench.nameOf(id),
      color: `--chart-${workbench.colorIndexOf(id)}`,
      values: columns.quota.get(id) ?? [],
    };
  }

  const commands = [
    { key: "p", label: "Pause, or go on", group: "Charts", run: togglePause },
    { key: "b", label: "Show the numbers as a table, or hide it", group: "Charts", run: toggleTable },
  ];
  return { name: "charts", title: "Charts", key: "h", commands, View };
}

function messages({ sent, received }: SampleColumns): readonly ChartSeries[] {
  return [
    { label: "sent", color: "--chart-0", values: sent },
    { label: "received", color: "--chart-1", dash: [6, 3], values: received },
  ];
}

function acks({ p50, p95, p99 }: SampleColumns): readonly ChartSeries[] {
  return [
    { label: "50 %", color: "--chart-2", values: p50 },
    { label: "95 %", color: "--chart-3", dash: [6, 3], values: p95 },
    { label: "99 %", color: "--chart-5", dash: [2, 2], values: p99 },
  ];
}

function unsent({ unsent: values }: SampleColumns): readonly ChartSeries[] {
  return [{ label: "at most", color: "--chart-4", values }];
}
