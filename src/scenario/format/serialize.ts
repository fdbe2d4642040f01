import { FORMAT_VERSION, IGNORED_BY_DEFAULT, type Recording, type RecordingEntry } from "./recording.ts";

/** What stands in a recording in the place of a token. */
export const MASKED_TOKEN = "…";

/** A signed token, wherever it stands: in a raw text, in a message, in an address. It begins where a word does: tried at every sign, a long word would take minutes. */
const TOKEN = /(?<![\w-])eyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*/g;

/** A recording as JSON lines. No line holds a token (A4). */
export function writeRecording(recording: Recording): string {
  const { kind, at, server, clients, ignore, unexpected, entries } = recording;
  const usual = kind === "recording" ? "fail" : "pass";
  const header = {
    parley: kind,
    version: FORMAT_VERSION,
    at,
    server,
    clients,
    ...(JSON.stringify(ignore) !== JSON.stringify(IGNORED_BY_DEFAULT) && { ignore }),
    ...(unexpected !== usual && { unexpected }),
  };
  return `${[header, ...entries.map(inOrder)].map((line) => withoutTokens(JSON.stringify(line))).join("\n")}\n`;
}

/** `text` without the tokens in it. */
export function withoutTokens(text: string): string {
  return text.replace(TOKEN, MASKED_TOKEN);
}

/** The fields in the order in which they are read best; the number of the line is the file's own. */
function inOrder(entry: RecordingEntry): object {
  const { t, client, dir, line: _line, note, ...rest } = entry;
  return { t, client, dir, ...rest, note };
}
