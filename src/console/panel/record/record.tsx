// Records the frames of all clients, as a test for `parley run`.

import { effect, signal } from "@preact/signals";
import type { CopyKind } from "../../../scenario/format/copy-as.ts";
import type { Problem } from "../../../scenario/format/parse.ts";
import type { Recording } from "../../../scenario/format/recording.ts";
import { copyText } from "../../copy-text.ts";
import { listNames, pluralize, preciseTime } from "../../format.ts";
import { serverAddress } from "../../server-address.ts";
import { monotonicNow } from "../../wire/websocket-tap.ts";
import type { Panel, PanelContext } from "../panel.ts";
import { createRecorder } from "./recorder.ts";

/** Loaded with the first recording, because most visitors do not need it. */
const loadTools = () => import("./recording-tools.ts");

const COPIES: readonly (readonly [CopyKind, string])[] = [
  ["parley", "parley"],
  ["curl", "curl"],
  ["library", "code for the client library"],
];

/** Most problems of a file that are shown. */
const MAX_PROBLEMS = 5;

interface Kept {
  readonly recording: Recording;
  /** The file name without its extension. */
  readonly name: string;
}

export function createRecord(context: PanelContext): Panel {
  const { workbench } = context;
  const { announce } = context.announcer;
  const recorder = createRecorder(workbench.nameOf);
  const since = signal<number | undefined>(undefined);
  const kept = signal<Kept | undefined>(undefined);
  const problems = signal<readonly string[]>([]);

  workbench.onFrame((frame) => {
    recorder.onWireEvent(frame);
    if (since.peek() !== undefined && recorder.isFull()) {
      stop();
      problems.value = ["The recording became very long and was ended."];
    }
  });
  // The recording belongs to the last session.
  effect(() => {
    if (!workbench.isSignedOut.value) return;
    recorder.end();
    since.value = undefined;
    kept.value = undefined;
    problems.value = [];
  });

  function stop(): void {
    const recording = recorder.end();
    since.value = undefined;
    if (recording !== undefined) kept.value = { recording, name: fileName(recording.at) };
    announce("The recording has ended");
  }

  function toggle(): void {
    problems.value = [];
    if (since.value !== undefined) {
      stop();
      return;
    }
    const at = monotonicNow();
    recorder.begin(at, serverAddress());
    since.value = at;
    announce("Recording all clients");
  }

  async function open(file: File): Promise<void> {
    const { parseRecordingOrHar } = await loadTools();
    const read = parseRecordingOrHar(await file.text());
    problems.value = (read.problems ?? [])
      .slice(0, MAX_PROBLEMS)
      .map((problem) => formatProblem(file.name, problem));
    if (read.recording === undefined) return;
    kept.value = { recording: read.recording, name: file.name.replace(/\.\w+$/, "") };
    await show(read.recording);
  }

  async function show(recording: Recording): Promise<void> {
    const { toWireEvents } = await loadTools();
    workbench.showEvents(toWireEvents(recording));
    announce("Now shown on the timeline");
  }

  async function save({ recording, name }: Kept, ending: "jsonl" | "har"): Promise<void> {
    const { writeHar, writeRecording } = await loadTools();
    const text =
      ending === "har" ? writeHar(recording, workbench.facts.value.version ?? "") : writeRecording(recording);
    download(`${name}.${ending}`, text);
  }

  async function copy(recording: Recording, kind: CopyKind): Promise<void> {
    const { copyAs } = await loadTools();
    await copyText(copyAs(kind, recording), announce);
  }

  function View() {
    workbench.framesChanged.value;
    const running = since.value === undefined ? undefined : recorder.current();
    return (
      <div class="panel-page record">
        <section aria-labelledby="record-title">
          <h2 id="record-title">Record</h2>
          <p class="form-row">
            <button
              type="button"
              class="primary"
              id="record"
              aria-pressed={running !== undefined}
              onClick={toggle}
            >
              {running === undefined ? "Record all clients" : "Stop recording"}
            </button>
            <span class="fine" id="record-state" role="status">
              {running === undefined ? "" : `Recording: ${amount(running)}`}
            </span>
          </p>
          <label class="file">
            Or open a file: a recording, or the HAR file of a browser
            <input
              type="file"
              id="open-recording"
              accept=".jsonl,.har,.json,application/json"
              onChange={(event) => {
                const { currentTarget: input } = event;
                const [file] = input.files ?? [];
                if (file !== undefined) void open(file);
                // The same file may be chosen again after it was corrected.
                input.value = "";
              }}
            />
          </label>
          {problems.value.map((problem) => (
            <p key={problem} class="problem" role="alert">
              {problem}
            </p>
          ))}
        </section>
        {kept.value !== undefined && <KeptView kept={kept.value} save={save} copy={copy} show={show} />}
        <section aria-labelledby="run-title">
          <h2 id="run-title">Run it again</h2>
          <p class="fine">
            All sent frames are sent again, and the received frames are compared; times, quotas and ids may be
            others. Exit code 1: something was different.
          </p>
          <pre>
            <code>{`parley run ${kept.value?.name ?? "recording"}.jsonl --url ${serverAddress()}`}</code>
          </pre>
        </section>
      </div>
    );
  }

  const commands = [{ key: "b", label: "Begin or end a recording", group: "Recording", run: toggle }];
  return { name: "record", title: "Record", key: "r", commands, View };
}

interface KeptViewProps {
  readonly kept: Kept;
  save(kept: Kept, ending: "jsonl" | "har"): Promise<void>;
  copy(recording: Recording, kind: CopyKind): Promise<void>;
  show(recording: Recording): Promise<void>;
}

/** The current recording, and its actions. */
function KeptView({ kept, save, copy, show }: KeptViewProps) {
  const { recording, name } = kept;
  return (
    <section id="recording" aria-labelledby="recording-title">
      <h2 id="recording-title">{name}</h2>
      <p class="fine">
        {`${amount(recording)}, from ${recording.server || "an unnamed server"}`}
        {recording.at > 0 ? ` at ${preciseTime(recording.at)}` : ""}
      </p>
      <p class="form-row">
        <button type="button" class="plain" id="save-jsonl" onClick={() => void save(kept, "jsonl")}>
          Save as JSON lines
        </button>
        <button type="button" class="plain" id="save-har" onClick={() => void save(kept, "har")}>
          Save as HAR
        </button>
        <button type="button" class="plain" id="show-recording" onClick={() => void show(recording)}>
          Show in the timeline
        </button>
      </p>
      <p class="form-row">
        <span class="fine">Copy as</span>
        {COPIES.map(([kind, label]) => (
          <button
            key={kind}
            type="button"
            class="plain small"
            id={`copy-as-${kind}`}
            onClick={() => void copy(recording, kind)}
          >
            {label}
          </button>
        ))}
      </p>
    </section>
  );
}

/** Returns `34 frames of ann and bob`. */
function amount({ entries, clients }: Recording): string {
  const frames = entries.filter(({ dir }) => dir === "in" || dir === "out").length;
  const names = clients.length === 0 ? "no client yet" : listNames(clients.map(({ name }) => name));
  return `${pluralize(frames, "frame")} of ${names}`;
}

function formatProblem(file: string, { line, message }: Problem): string {
  return `${file}, line ${line}: ${message}.`;
}

/** Returns a name such as `parley-2026-11-23-1942`. */
function fileName(at: number): string {
  return `parley-${new Date(at).toISOString().slice(0, 16).replace("T", "-").replace(":", "")}`;
}

function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // By then the browser has started the download.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
