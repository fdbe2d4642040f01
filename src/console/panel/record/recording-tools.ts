// Tools for a recording: files, text for the clipboard, rows of the timeline. Loaded when first needed.
import { utf8Length } from "../../../protocol/utf8.ts";
import { unescapeMatchers } from "../../../scenario/format/har.ts";
import { type Recording, type RecordingEntry, typeOf } from "../../../scenario/format/recording.ts";
import type { WireEvent } from "../../wire/frame.ts";

export { copyAs, singleFrameRecording } from "../../../scenario/format/copy-as.ts";
export { writeHar } from "../../../scenario/format/har.ts";
export { parseRecordingOrHar } from "../../../scenario/format/read-har.ts";
export { writeRecording } from "../../../scenario/format/serialize.ts";

/** Returns a recording as rows of the timeline, with the client names of the file. */
export function toWireEvents({ at, clients, entries }: Recording): WireEvent[] {
  const parts = new Map(clients.map((client) => [client.name, client]));
  let t = 0;
  return entries.map((entry) => {
    t = entry.t ?? t;
    const { user = "", conversation = "" } = parts.get(entry.client) ?? {};
    return {
      client: `${entry.client}, recorded`,
      at: at + t,
      ...rowOf(entry, `/ws/${user}/${conversation}`),
    };
  });
}

function rowOf(entry: RecordingEntry, path: string): Omit<WireEvent, "client" | "at"> {
  if (entry.dir === "fault")
    return { direction: "fault", type: String(entry.fault.do), bytes: 0, text: JSON.stringify(entry.fault) };
  if (entry.dir === "line" && entry.event === "open") {
    const query = new URLSearchParams({
      ...(entry.after !== undefined && { after: `${entry.after}` }),
      ...(entry.epoch !== undefined && { epoch: entry.epoch }),
      ...(entry.streams && { streams: "1" }),
    });
    return { direction: "line", type: "dial", bytes: 0, text: `${path}${query.size > 0 ? `?${query}` : ""}` };
  }
  if (entry.dir === "line") {
    const { code, reason = "" } = entry;
    return {
      direction: "line",
      type: "close",
      bytes: 0,
      text: `${code} ${reason}`.trim(),
      close: { code, reason },
    };
  }
  if (entry.bytes !== undefined) {
    const bytes = Uint8Array.from(atob(entry.bytes), (character) => character.charCodeAt(0));
    const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return { direction: entry.dir, type: "binary", bytes: bytes.length, text, binary: true };
  }
  const text = entry.raw ?? JSON.stringify(entry.dir === "in" ? unescapeMatchers(entry.frame) : entry.frame);
  const bytes = utf8Length(text);
  const type = entry.raw === undefined ? typeOf(entry) : "not JSON";
  return { direction: entry.dir, type, bytes, text };
}
