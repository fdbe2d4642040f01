import { useState } from "preact/hooks";
import { copyText } from "../../copy-text.ts";
import { formatBytes, formatMs, preciseTime } from "../../format.ts";
import type { Workbench } from "../../shell/workbench.ts";
import { IconButton } from "../../view/icon.tsx";
import { type Frame, prettyJson } from "../../wire/frame.ts";
import { CopyFrame } from "../record/copy-frame.tsx";
import { DirectionArrow } from "./frame-row.tsx";

interface FrameDetailProps {
  readonly workbench: Workbench;
  readonly frame: Frame;
  /** Missing if nothing can be sent. */
  readonly edit?: ((text: string) => void) | undefined;
  close(): void;
  announce(text: string): void;
}

/** The details of one frame: its annotations and its text. */
export function FrameDetail({ workbench, frame, edit, close, announce }: FrameDetailProps) {
  const [raw, setRaw] = useState(false);
  const { number, type, direction, client, at, bytes, text, annotations } = frame;
  const content = raw ? text : prettyJson(text);

  return (
    <section class="frame-detail" id="frame-detail" aria-label={`Frame ${number}`}>
      <div class="detail-head">
        <h2>
          <DirectionArrow direction={direction} /> {type} <span class="fine">no. {number}</span>
        </h2>
        <div class="choice" role="group" aria-label="View">
          <button type="button" class="small" aria-pressed={!raw} onClick={() => setRaw(false)}>
            JSON
          </button>
          <button type="button" class="small" aria-pressed={raw} onClick={() => setRaw(true)}>
            Raw
          </button>
        </div>
        {edit && direction === "out" && (
          <button type="button" class="plain small" onClick={() => edit(prettyJson(text))}>
            Edit and send
          </button>
        )}
        <CopyFrame workbench={workbench} frame={frame} announce={announce} />
        <IconButton
          icon="copy"
          label="Copy the frame"
          shortcut="y"
          id="copy-frame"
          onClick={() => void copyText(content, announce)}
        />
        <IconButton icon="close" label="Close the frame" shortcut="Esc" onClick={close} />
      </div>
      <p class="fine">
        {workbench.nameOf(client)} at {preciseTime(at)}
        {direction === "in" || direction === "out" ? `, ${formatBytes(bytes)}` : ""}
        {annotations.seq === undefined ? "" : `, sequence ${annotations.seq}`}
        {annotations.roundTrip === undefined ? "" : `, answered after ${formatMs(annotations.roundTrip)}`}
      </p>
      {annotations.marks.map((mark) => (
        <p key={mark.kind} class={`remark ${mark.severity}`}>
          {mark.text}
        </p>
      ))}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="content" tabIndex={0} aria-label="Content">
        <pre>{content}</pre>
      </section>
    </section>
  );
}
