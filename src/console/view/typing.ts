import type { State } from "../state.ts";
import { listNames } from "../wording.ts";
import { find, setText } from "./element.ts";

/** Who else types. Its line keeps its place while it is empty, so that nothing jumps. */
export function typingView(): (state: State) => void {
  const line = find("typing", HTMLElement);
  return ({ session }) => {
    const names = session.at === "open" ? session.typing : [];
    const verb = names.length === 1 ? "is" : "are";
    setText(line, names.length === 0 ? "" : `${listNames(names)} ${verb} typing…`);
  };
}
