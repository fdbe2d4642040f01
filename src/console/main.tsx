// Connects the parts of the console: the workbench, the address, the keys, and the views.
import { effect, signal, untracked } from "@preact/signals";
import { render } from "preact";
import { browserStore } from "./local-storage.ts";
import type { PanelContext } from "./panel/panel.ts";
import { PANEL_FACTORIES } from "./panel/panels.ts";
import { createAddress } from "./shell/address.ts";
import { createAnnouncer } from "./shell/announcer.ts";
import { keyCommands } from "./shell/key-commands.ts";
import { createKeyboard } from "./shell/keyboard.ts";
import { createWorkbench } from "./shell/workbench.ts";
import { App } from "./view/app.tsx";

function startConsole(): void {
  const address = createAddress((conversation) => {
    workbench.selected.value.dispatch({ type: "choose", conversation });
  });
  const workbench = createWorkbench(address.conversation() ?? "lobby");
  const keys = createKeyboard(document, browserStore());
  const context: PanelContext = {
    workbench,
    keys,
    address,
    openPanel: signal(address.fields.value.show ?? ""),
    visibleColumn: signal("conversation"),
    isWide: signal(false),
    frameToEdit: signal(undefined),
    announcer: createAnnouncer(),
  };
  const panels = PANEL_FACTORIES.map((make) => make(context));
  const first = panels[0]!.name;
  if (!panels.some(({ name }) => name === context.openPanel.value)) context.openPanel.value = first;

  effect(() => (workbench.isSignedOut.value ? undefined : keys.add(keyCommands(context, panels))));
  // Added at once, not with the view: the next key press after the one that opens the panel must find these keys.
  effect(() => {
    const open = panels.find(({ name }) => name === context.openPanel.value);
    return workbench.isSignedOut.value || open?.commands === undefined ? undefined : keys.add(open.commands);
  });
  effect(() => {
    const { value: name } = context.openPanel;
    untracked(() => address.set({ show: name === first ? "" : name }));
  });
  // Another client may be in another conversation.
  effect(() => {
    const { session, conversation } = workbench.selected.value.state.value;
    if (session.state === "open") address.show(conversation);
  });
  // Drafts and pending messages are in memory only, like the token: ask before a reload loses them.
  addEventListener("beforeunload", (event) => {
    const isLost = workbench.clients.value.some((client) => {
      const { outbox } = client.current().transcript;
      return client.draft.value.trim() !== "" || outbox.some((row) => row.kind === "pending");
    });
    if (isLost) event.preventDefault();
  });
  render(<App context={context} panels={panels} />, document.getElementById("app")!);
}

startConsole();
