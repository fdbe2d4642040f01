import { escapeControlChars, escapedJson } from "../../core/escape-control-chars.ts";
import { write as writeTo } from "../terminal/print.ts";
import type { ChatEvent } from "./chat-event.ts";
import { formatEvent } from "./format.ts";
import { styleFor } from "./message-lines.ts";
import type { Screen } from "./screen.ts";

/** Prints events: data to standard output, status to standard error. */
export interface ChatOutput {
  emit(event: ChatEvent): void;
  /** Prints lines for people. */
  note(...lines: readonly string[]): void;
  /** From now on, prints above the input line of `screen`. */
  useScreen(screen: Screen): void;
}

/** `json`: prints each event as one JSON object per line on standard output. `interactive`: a person types on a terminal. */
export function createOutput({ json, interactive }: { json: boolean; interactive: boolean }): ChatOutput {
  const { stdout, stderr } = process;
  const styles = { data: styleFor(stdout), talk: styleFor(stderr) };
  let screen: Screen | undefined;
  const write = (lines: readonly string[], stream: NodeJS.WriteStream) => {
    if (lines.length === 0) return;
    if (screen !== undefined && stream.isTTY) screen.write(lines);
    else writeTo(stream, `${lines.join("\n")}\n`);
  };
  return {
    emit(event) {
      const { data = [], talk = [] } = formatEvent(event, styles, Date.now(), interactive);
      write(json ? [escapedJson(event)] : data, stdout);
      write(talk, stderr);
    },
    note: (...lines) => write(lines.map(escapeControlChars), stderr),
    useScreen(opened) {
      screen = opened;
    },
  };
}
