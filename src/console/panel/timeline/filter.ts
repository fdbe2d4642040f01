import type { Direction, Frame } from "../../wire/frame.ts";

/** The filter of the timeline. An empty field matches everything. */
export interface Filter {
  /** A client's name. */
  readonly client: string;
  /** The name of a conversation. */
  readonly conversation: string;
  readonly direction: Direction | "";
  readonly type: string;
  /** Text that the frame contains, ignoring case; between two `/`, a regular expression. */
  readonly find: string;
  /** Only frames with a mark. */
  readonly marked: boolean;
}

/** A compiled filter: a predicate for frames, or the problem of the filter. */
export type Compiled =
  | { readonly matches: ((frame: Frame) => boolean) | undefined; readonly problem?: undefined }
  | { readonly matches: undefined; readonly problem: string };

const DIRECTIONS: readonly string[] = ["out", "in", "line", "fault"] satisfies readonly Direction[];

/** Reads a filter from the fields of the address. */
export function readFilter(fields: Readonly<Record<string, string>>): Filter {
  const { client = "", about = "", dir = "", type = "", find = "", marked = "" } = fields;
  const direction = DIRECTIONS.includes(dir) ? (dir as Direction) : "";
  return { client, conversation: about, direction, type, find, marked: marked === "yes" };
}

/** Returns the fields of the address for a filter. */
export function writeFilter({
  client,
  conversation,
  direction,
  type,
  find,
  marked,
}: Filter): Record<string, string> {
  return { client, about: conversation, dir: direction, type, find, marked: marked ? "yes" : "" };
}

/** Compiles a filter. `matches` is undefined if all frames match. `keyOf` returns a client's name by its id. */
export function compileFilter(filter: Filter, nameOf: (id: string) => string): Compiled {
  const { client, conversation, direction, type, find, marked } = filter;
  const tests: ((frame: Frame) => boolean)[] = [];
  if (client !== "") tests.push((frame) => nameOf(frame.client) === client);
  if (conversation !== "") tests.push((frame) => frame.conversation === conversation);
  if (direction !== "") tests.push((frame) => frame.direction === direction);
  if (type !== "") tests.push((frame) => frame.type === type);
  if (marked) tests.push((frame) => frame.annotations.marks.length > 0);
  if (find !== "") {
    const expression = expressionOf(find);
    if (typeof expression === "string") return { matches: undefined, problem: expression };
    tests.push(({ text, type: name, annotations }) => {
      return (
        expression.test(text) ||
        expression.test(name) ||
        annotations.marks.some((mark) => expression.test(mark.text))
      );
    });
  }
  return { matches: tests.length === 0 ? undefined : (frame) => tests.every((test) => test(frame)) };
}

/** Compiles `find`; returns a text that describes the problem if it is invalid. */
function expressionOf(find: string): RegExp | string {
  const [, source, flags] = /^\/(.+)\/([imsu]*)$/s.exec(find) ?? [];
  if (source === undefined) return new RegExp(find.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
  try {
    return new RegExp(source, flags);
  } catch (error) {
    return `Not a regular expression: ${(error as Error).message.replace(/^Invalid regular expression: /, "")}`;
  }
}
