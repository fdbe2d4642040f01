import { FORMAT_VERSION, IGNORED_BY_DEFAULT, type Recording, type RecordingEntry } from "./recording.ts";

/** The text that replaces a token in a recording. */
export const MASKED_TOKEN = "…";

/** Matches a signed token in a raw text, a message or a URL. It must begin at a word boundary: without that, a long word would take minutes to search. */
const TOKEN = /(?<![\w-])eyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*/g;

/** Serializes a recording as JSON lines, without tokens (A4). */
export function writeRecording(recording: Recording): string {
  const { kind, at, server, clients, ignore, unexpected, entries } = recording;
  const defaultUnexpected = kind === "recording" ? "fail" : "pass";
  const header = {
    parley: kind,
    version: FORMAT_VERSION,
    at,
    server,
    clients,
    ...(JSON.stringify(ignore) !== JSON.stringify(IGNORED_BY_DEFAULT) && { ignore }),
    ...(unexpected !== defaultUnexpected && { unexpected }),
  };
  return `${[header, ...entries.map(inOrder)].map((line) => withoutTokens(JSON.stringify(line))).join("\n")}\n`;
}

/** Returns `text` with all tokens masked. */
export function withoutTokens(text: string): string {
  return text.replace(TOKEN, MASKED_TOKEN);
}

/** Returns the entry with its fields in the most readable order, without its line number. */
function inOrder(entry: RecordingEntry): object {
  const { t, client, dir, line: _line, note, ...rest } = entry;
  return { t, client, dir, ...rest, note };
}
