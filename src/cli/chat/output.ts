import { styleText } from "node:util";
import { escapeControlChars, escapedJson } from "../../core/escape-control-chars.ts";
import { write as writeTo } from "../terminal/print.ts";
import type { ChatEvent } from "./chat-event.ts";
import { formatEvent, type Style } from "./format.ts";
import type { Screen } from "./screen.ts";

/** Puts what is told where it belongs: data on standard output, talk on standard error. */
export interface ChatOutput {
  emit(told: ChatEvent): void;
  /** Lines for people. */
  note(...lines: readonly string[]): void;
  /** Writes above what is half typed on `screen`, from now on. */
  useScreen(screen: Screen): void;
}

/** `json`: one JSON object a line on standard output, for everything that is told. `person`: somebody types. */
export function createOutput({
  json,
  interactive: person,
}: {
  json: boolean;
  interactive: boolean;
}): ChatOutput {
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
      const { data = [], talk = [] } = formatEvent(event, styles, Date.now(), person);
      write(json ? [escapedJson(event)] : data, stdout);
      write(talk, stderr);
    },
    note: (...lines) => write(lines.map(escapeControlChars), stderr),
    useScreen(opened) {
      screen = opened;
    },
  };
}

/** Colours where `stream` is a terminal that has them, and NO_COLOR does not forbid it. */
function styleFor(stream: NodeJS.WriteStream): Style {
  return (format, text) => styleText(format, text, { stream });
}
