// All frames of all clients in the order they were seen.
import { computed, signal } from "@preact/signals";
import { IconButton } from "../../view/icon.tsx";
import { MAX_FRAMES, MAX_TEXT } from "../../wire/frame-log.ts";
import { count } from "../../wording.ts";
import type { Desk, Panel } from "../panel.ts";
import { compileFilter, readFilter, writeFilter } from "./filter.ts";
import { FilterBar } from "./filter-bar.tsx";
import { FrameDetail } from "./frame-detail.tsx";
import { FrameList } from "./frame-list.tsx";
import { createRows } from "./rows.ts";

/** What the log holds, in words. */
const KEPT = `the newest ${MAX_FRAMES.toLocaleString("en")}, at most ${MAX_TEXT / 1024 / 1024} MiB,`;

/** All frames of all clients; what is chosen and paused stays while another panel is open. */
export function createTimeline(desk: Desk): Panel {
  const { bench, address } = desk;
  /** The newest frame that is shown while it is paused. */
  const pausedAt = signal<number | undefined>(undefined);
  const chosen = signal<number | undefined>(undefined);
  const rowsOf = createRows(bench.frames);
  const filter = computed(() => readFilter(address.fields.value));
  const key = computed(() => JSON.stringify(filter.value));
  /** Clients of the name that is chosen. Other words when one gets it or loses it, and only then. */
  const chosenClients = computed(() => {
    const { client } = filter.value;
    const bearers = bench.clients.value.filter(({ id }) => bench.nameOf(id) === client);
    return bearers.map(({ id }) => id).join(" ");
  });
  const compiled = computed(() => {
    chosenClients.value;
    return compileFilter(JSON.parse(key.value), bench.nameOf);
  });

  function togglePause(): void {
    pausedAt.value = pausedAt.value === undefined ? bench.frames.last : undefined;
    desk.teller.tell(pausedAt.value === undefined ? "The timeline goes on" : "The timeline is paused");
  }

  function copy(): void {
    const button = document.getElementById("copy-frame");
    if (button === null) desk.teller.tell("Choose a frame first");
    else button.click();
  }

  function clear(): void {
    bench.clearFrames();
    chosen.value = undefined;
    pausedAt.value = undefined;
  }

  function View() {
    bench.framesChanged.value;
    const { matches, problem } = compiled.value;
    const rows = rowsOf(matches, pausedAt.value ?? Number.POSITIVE_INFINITY);
    const { first, last, gone } = bench.frames;
    const frame = chosen.value === undefined ? undefined : bench.frames.get(chosen.value);
    const waiting = pausedAt.value === undefined ? 0 : last - pausedAt.value;
    return (
      <div class="timeline">
        <FilterBar
          bench={bench}
          filter={filter.value}
          problem={problem}
          set={(next) => address.set(writeFilter(next))}
        >
          <IconButton
            icon={pausedAt.value === undefined ? "pause" : "play"}
            label={pausedAt.value === undefined ? "Pause" : "Go on"}
            shortcut="p"
            id="pause"
            pressed={pausedAt.value !== undefined}
            onClick={togglePause}
          />
          <IconButton icon="clear" label="Clear" shortcut="l" id="clear-frames" onClick={clear} />
        </FilterBar>
        <FrameList
          bench={bench}
          rows={rows}
          chosen={chosen.value}
          filtered={matches}
          first={first}
          choose={(number) => {
            chosen.value = number;
          }}
        />
        <p class="timeline-foot fine" id="timeline-foot">
          {`${rows.count.toLocaleString("en")} of ${count(last - first + 1, "frame")}`}
          {rows.count === 0 && last >= first ? ": none passes the filter" : ""}
          {waiting > 0 ? ` · paused, ${waiting.toLocaleString("en")} more came` : ""}
          {gone > 0 ? ` · the oldest ${gone.toLocaleString("en")} are gone: ${KEPT} are kept` : ""}
        </p>
        {frame && (
          <FrameDetail
            key={frame.number}
            bench={bench}
            frame={frame}
            edit={(text) => {
              desk.toEdit.value = text;
            }}
            close={() => {
              chosen.value = undefined;
              document.getElementById("frame-list")?.focus();
            }}
            tell={desk.teller.tell}
          />
        )}
      </div>
    );
  }

  const group = "Timeline";
  const commands = [
    { key: "p", label: "Pause, or go on", group, run: togglePause },
    { key: "/", label: "Find", group, run: () => document.getElementById("find")?.focus() },
    { key: "l", label: "Clear", group, run: clear },
    { key: "y", label: "Copy the frame", group, run: copy },
  ];
  return { name: "timeline", title: "Timeline", key: "t", commands, View };
}
