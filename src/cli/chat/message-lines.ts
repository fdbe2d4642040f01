// Messages and their changes as lines of text, on a terminal or in a pipe.
import { styleText } from "node:util";
import type { Change, Message } from "../../client/index.ts";
import { escapeControlChars, escapedLines } from "../../core/escape-control-chars.ts";

/** Colours a text, or returns it unchanged if colours are off. */
export type Style = (format: "dim" | "bold" | "yellow" | "red", text: string) => string;

/** Colours if `stream` is a terminal with colours and NO_COLOR is not set. */
export function styleFor(stream: NodeJS.WriteStream): Style {
  return (format, text) => styleText(format, text, { stream });
}

/** What a message says of the stream that it was, by its state. */
const STREAM_WORDS: Readonly<Record<string, string>> = {
  failed: "failed: the text is not complete",
  cancelled: "stopped on request",
  interrupted: "interrupted: its writer was gone",
};

/**
 * Returns `#42 12:03:55 ann: hello`, and of an answer `ann (to #41): hello`; further lines of the text are indented, so that they
 * cannot look like other messages. What became of the message is a line below it: `(edited) 👍 3, 🎉 1`.
 */
export function messageLines(message: Message, style: Style): readonly string[] {
  const { seq, at, from, reply_to } = message;
  const name = escapeControlChars(from) + (reply_to === undefined ? "" : ` (to #${reply_to})`);
  const head = `#${seq} ${clockTime(at)}`;
  const indent = " ".repeat(head.length + name.length + 3);
  const [first = "", ...rest] = contentLines(message, style);
  const below = [...rest, ...stateLines(message, style)];
  return [
    `${style("dim", head)} ${style("bold", `${name}:`)} ${first}`,
    ...below.map((line) => indent + line),
  ];
}

/** The lines of the text; of a message without text its data, and of an erased one who erased it. */
function contentLines(
  { text, data, erased }: Pick<Message, "text" | "data" | "erased">,
  style: Style,
): readonly string[] {
  if (erased === undefined)
    return escapedLines(text === "" && data !== undefined ? JSON.stringify(data) : text);
  const { by, reason } = erased;
  const why = reason === undefined ? "" : `: ${escapeControlChars(reason)}`;
  return [style("dim", `(erased by ${escapeControlChars(by)}${why})`)];
}

/** A line about what became of a message; none where nothing did. */
function stateLines(
  { edited, erased, reactions = {}, stream }: Partial<Message>,
  style: Style,
): readonly string[] {
  const ending = STREAM_WORDS[stream?.state ?? ""];
  const counts = Object.entries(reactions).map(([name, { count }]) => `${escapeControlChars(name)} ${count}`);
  const notes = [
    ...(ending === undefined ? [] : [`(${ending})`]),
    ...(edited === undefined || erased !== undefined ? [] : ["(edited)"]),
    ...(counts.length === 0 ? [] : [counts.join(", ")]),
  ];
  return notes.length === 0 ? [] : [style("dim", notes.join(" "))];
}

/**
 * Returns `#42 12:04:10 edited by ann: hello, world`, `#42 12:04:11 reaction 👍 by ben (3 in all)`, `#42 12:04:12 erased by ann: spam`,
 * and after a return, when all that was missed comes at once, `#42 12:04:10 changed meanwhile: hello, world`.
 */
export function changeLines({ seq, at, kind, by, set }: Change, style: Style): readonly string[] {
  const changed = set as ChangedFields;
  const who = `by ${escapeControlChars(by ?? "")}`;
  const line = (what: string, content: readonly string[] = []) => {
    const head = `#${seq} ${clockTime(at)}`;
    const [first, ...rest] = content;
    const indent = " ".repeat(head.length + what.length + 3);
    const start = `${style("dim", head)} ${style("bold", what)}`;
    return [first === undefined ? start : `${start}: ${first}`, ...rest.map((each) => indent + each)];
  };
  switch (kind) {
    case "edit":
      return line(`edited ${who}`, editedLines(changed));
    case "erase": {
      const reason = changed.erased?.reason;
      return line(`erased ${who}`, reason === undefined ? [] : [escapeControlChars(reason)]);
    }
    case "react":
      return Object.entries(changed.reactions ?? {}).flatMap(([name, { count, users = [] }]) => {
        const verb = users.includes(by ?? "") ? "" : "taken back ";
        return line(`reaction ${escapeControlChars(name)} ${verb}${who}`).map(
          (each) => `${each} (${count} in all)`,
        );
      });
    case "fold": {
      const { text = "", data, ...rest } = changed as Partial<Message>;
      const content = contentLines({ text, data, erased: rest.erased }, style);
      return line("changed meanwhile", [...content, ...stateLines(rest, style)]);
    }
    default:
      return kind satisfies never;
  }
}

/** The fields of `set` that this program shows. */
interface ChangedFields extends Pick<Partial<Message>, "text" | "erased"> {
  readonly data?: Message["data"] | null;
  readonly reactions?: Readonly<
    Record<string, { readonly count: number; readonly users?: readonly string[] }>
  >;
}

function editedLines({ text, data }: ChangedFields): readonly string[] {
  const dropped = data === null ? ["(without data)"] : [];
  if (text !== undefined && text !== "") return escapedLines(text);
  return data === undefined || data === null ? dropped : escapedLines(JSON.stringify(data));
}

/** Returns the local hour, minute and second of a moment. */
export function clockTime(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}
