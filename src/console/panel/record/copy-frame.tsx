import { entryOf, type RecorderEvent } from "../../../scenario/format/build-recording.ts";
import type { CopyKind } from "../../../scenario/format/copy-as.ts";
import type { Recording } from "../../../scenario/format/recording.ts";
import { copyText } from "../../copy-text.ts";
import { serverAddress } from "../../server-address.ts";
import type { Workbench } from "../../shell/workbench.ts";
import { type Frame, readObject } from "../../wire/frame.ts";

const KINDS: readonly (readonly [CopyKind, string, string])[] = [
  ["curl", "curl", "Copy as curl"],
  ["parley", "parley", "Copy as parley"],
  ["library", "code", "Copy as code for the client library"],
];

interface CopyFrameProps {
  readonly workbench: Workbench;
  readonly frame: Frame;
  announce(text: string): void;
}

/** A button that copies one sent frame as a command or code; nothing for other frames. */
export function CopyFrame({ workbench, frame, announce }: CopyFrameProps) {
  if (recordingOf(workbench, frame) === undefined) return null;

  async function copy(kind: CopyKind): Promise<void> {
    const { copyAs, singleFrameRecording } = await import("./recording-tools.ts");
    const recording = recordingOf(workbench, frame)!;
    await copyText(copyAs(kind, singleFrameRecording(recording, recording.entries[0]!)), announce);
  }

  return (
    <span class="choice">
      {KINDS.map(([kind, label, words]) => (
        <button
          key={kind}
          type="button"
          class="small"
          aria-label={words}
          title={words}
          onClick={() => void copy(kind)}
        >
          {label}
        </button>
      ))}
    </span>
  );
}

/** Returns a recording of that one frame; undefined for frames that no client sends, or of a removed client. */
function recordingOf(workbench: Workbench, frame: Frame): Recording | undefined {
  const client = workbench.clients.value.find(({ id }) => id === frame.client);
  if (client === undefined || frame.binary) return undefined;
  const user = client.user();
  const conversation = frame.conversation ?? (client.current().conversation || "lobby");
  const name = workbench.nameOf(frame.client).replaceAll("=", "-");
  const event = recorderEventOf(frame, name);
  if (user === undefined || event === undefined) return undefined;
  return {
    kind: "scenario",
    at: frame.at,
    server: serverAddress(),
    clients: [{ name, user, conversation }],
    ignore: [],
    unexpected: "pass",
    entries: [entryOf(event, frame.at)],
  };
}

function recorderEventOf({ direction, type, text, at }: Frame, client: string): RecorderEvent | undefined {
  const fault = direction === "fault" ? readObject(text) : undefined;
  if (fault !== undefined) return { at, client, type: "fault", fault };
  if (direction === "line" && type === "dial") return { at, client, type: "open" };
  return direction === "out" ? { at, client, type: "sent", data: withoutConversation(text) } : undefined;
}

/** On a socket of one conversation, which a recording uses, frames do not name it. */
function withoutConversation(text: string): string {
  const frame = readObject(text);
  if (frame === undefined || !("conversation" in frame)) return text;
  const { conversation: _, ...rest } = frame;
  return JSON.stringify(rest);
}
