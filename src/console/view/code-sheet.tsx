import { useEffect, useRef, useState } from "preact/hooks";
import type { ActionCode } from "../action/code.ts";
import { copyText } from "../copy-text.ts";
import type { PanelContext } from "../panel/panel.ts";
import { serverAddress } from "../server-address.ts";

/** Loaded when it is first needed. */
const loadCode = () => import("../action/code.ts");

/** How an action is done with curl, the client library and Python, and its frame on the timeline. */
export function CodeSheet({ context }: { readonly context: PanelContext }) {
  const { actions, announcer } = context;
  const dialog = useRef<HTMLDialogElement>(null);
  const [codes, setCodes] = useState<readonly ActionCode[]>([]);
  const shown = actions.shown.value;

  useEffect(() => {
    if (shown === undefined) return;
    void loadCode().then(({ codeOf }) => {
      setCodes(codeOf(shown.action, serverAddress()));
      if (dialog.current?.open === false) dialog.current.showModal();
    });
  }, [shown]);

  function showFrame(): void {
    const number = actions.frameOf(shown!);
    dialog.current!.close();
    if (number === undefined) {
      announcer.announce("The timeline has no frame of it");
      return;
    }
    context.showPanel("timeline");
    context.frameToShow.value = number;
  }

  return (
    <dialog
      id="code-sheet"
      ref={dialog}
      closedby="any"
      aria-labelledby="code-sheet-title"
      onClose={actions.hide}
    >
      <div class="sheet-head">
        <h2 id="code-sheet-title">{shown?.action.title ?? "In code"}</h2>
        <button type="button" class="plain small" onClick={() => dialog.current!.close()}>
          Close
        </button>
      </div>
      {codes.map(({ name, text }) => (
        <section key={name} aria-label={name} class="code-block">
          <div class="code-head">
            <h3>{name}</h3>
            <button
              type="button"
              class="plain small"
              aria-label={`Copy as ${name === "Library" ? "code for the client library" : name}`}
              onClick={() => void copyText(text, announcer.announce)}
            >
              Copy
            </button>
          </div>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
          <pre tabIndex={0}>{text}</pre>
        </section>
      ))}
      <button type="button" class="primary" id="show-frame" onClick={showFrame}>
        Show the frame
      </button>
    </dialog>
  );
}
