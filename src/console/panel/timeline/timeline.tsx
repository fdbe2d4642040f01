// All frames of all clients, in order.
import { computed, effect, signal } from "@preact/signals";
import { pluralize } from "../../format.ts";
import { IconButton } from "../../view/icon.tsx";
import { MAX_FRAMES, MAX_TEXT } from "../../wire/frame-log.ts";
import type { Panel, PanelContext } from "../panel.ts";
import { compileFilter, readFilter, writeFilter } from "./filter.ts";
import { FilterBar } from "./filter-bar.tsx";
import { createRows } from "./filtered-rows.ts";
import { FrameDetail } from "./frame-detail.tsx";
import { FrameList } from "./frame-list.tsx";

/** The limits of the log, as text. */
const LOG_LIMITS_TEXT = `the newest ${MAX_FRAMES.toLocaleString("en")}, at most ${MAX_TEXT / 1024 / 1024} MiB,`;

/** The timeline panel; the selection and the pause are kept while another panel is open. */
export function createTimeline(context: PanelContext): Panel {
  const { workbench, address } = context;
  /** The newest frame that is shown while paused. */
  const pausedAt = signal<number | undefined>(undefined);
  const chosen = signal<number | undefined>(undefined);
  const rowsOf = createRows(workbench.frames);
  const filter = computed(() => readFilter(address.fields.value));
  const key = computed(() => JSON.stringify(filter.value));
  /** The clients with the selected name. Changes only if a client gets or loses that name. */
  const chosenClients = computed(() => {
    const { client } = filter.value;
    const bearers = workbench.clients.value.filter(({ id }) => workbench.nameOf(id) === client);
    return bearers.map(({ id }) => id).join(" ");
  });
  const compiled = computed(() => {
    chosenClients.value;
    return compileFilter(JSON.parse(key.value), workbench.nameOf);
  });

  // A frame that the filter hides is shown without it.
  effect(() => {
    const number = context.frameToShow.value;
    if (number === undefined) return;
    context.frameToShow.value = undefined;
    const frame = workbench.frames.get(number);
    if (frame === undefined) return;
    const { matches } = compiled.peek();
    if (matches !== undefined && !matches(frame)) address.set(writeFilter(readFilter({})));
    chosen.value = number;
  });

  function togglePause(): void {
    pausedAt.value = pausedAt.value === undefined ? workbench.frames.last : undefined;
    context.announcer.announce(
      pausedAt.value === undefined ? "The timeline goes on" : "The timeline is paused",
    );
  }

  function copy(): void {
    const button = document.getElementById("copy-frame");
    if (button === null) context.announcer.announce("Choose a frame first");
    else button.click();
  }

  function clear(): void {
    workbench.clearFrames();
    chosen.value = undefined;
    pausedAt.value = undefined;
  }

  function View() {
    workbench.framesChanged.value;
    const { matches, problem } = compiled.value;
    const rows = rowsOf(matches, pausedAt.value ?? Number.POSITIVE_INFINITY);
    const { first, last, droppedCount } = workbench.frames;
    const frame = chosen.value === undefined ? undefined : workbench.frames.get(chosen.value);
    const waiting = pausedAt.value === undefined ? 0 : last - pausedAt.value;
    return (
      <div class="timeline">
        <FilterBar
          workbench={workbench}
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
          workbench={workbench}
          rows={rows}
          chosen={chosen.value}
          filtered={matches}
          first={first}
          choose={(number) => {
            chosen.value = number;
          }}
        />
        <p class="timeline-foot fine" id="timeline-foot">
          {`${rows.count.toLocaleString("en")} of ${pluralize(last - first + 1, "frame")}`}
          {rows.count === 0 && last >= first ? ": none passes the filter" : ""}
          {waiting > 0 ? ` · paused, ${waiting.toLocaleString("en")} new` : ""}
          {droppedCount > 0
            ? ` · the oldest ${droppedCount.toLocaleString("en")} were dropped: ${LOG_LIMITS_TEXT} are kept`
            : ""}
        </p>
        {frame && (
          <FrameDetail
            key={frame.number}
            workbench={workbench}
            frame={frame}
            edit={(text) => {
              context.frameToEdit.value = text;
            }}
            close={() => {
              chosen.value = undefined;
              document.getElementById("frame-list")?.focus();
            }}
            announce={context.announcer.announce}
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
