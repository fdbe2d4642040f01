import { styleText } from "node:util";

/** Whether text for a stream may be coloured: it is a terminal that has colours, unless NO_COLOR or FORCE_COLOR says otherwise. */
export function hasColours(stream: NodeJS.WriteStream): boolean {
  return styleText("red", "x", { stream }) !== "x";
}
