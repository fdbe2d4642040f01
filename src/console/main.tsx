// Connects the parts of the console: the workbench, the address, the keys, and the views.
import { effect, signal, untracked } from "@preact/signals";
import { render } from "preact";
import { createActions } from "./action/actions.ts";
import { browserStore, tabStore } from "./local-storage.ts";
import type { PanelContext } from "./panel/panel.ts";
import { PANEL_FACTORIES } from "./panel/panels.ts";
import { createAddress } from "./shell/address.ts";
import { createAnnouncer } from "./shell/announcer.ts";
import { keyCommands } from "./shell/key-commands.ts";
import { createKeyboard } from "./shell/keyboard.ts";
import { createWorkbench } from "./shell/workbench.ts";
import { App } from "./view/app.tsx";

function startConsole(): void {
  const address = createAddress(choose);
  const workbench = createWorkbench(address.conversation(), tabStore());
  const keys = createKeyboard(document, browserStore());
  const announcer = createAnnouncer();
  const context: PanelContext = {
    workbench,
    keys,
    address,
    actions: createActions(workbench, announcer),
    openPanel: signal(address.fields.value.show ?? ""),
    visibleColumn: signal(address.conversation() === "" ? "inbox" : "conversation"),
    hasPeople: signal(true),
    isWide: signal(false),
    frameToEdit: signal(undefined),
    frameToShow: signal(undefined),
    announcer,
    openConversation(name) {
      address.goTo(name);
      choose(name);
    },
    showPanel(name) {
      context.openPanel.value = name;
      context.visibleColumn.value = "panel";
    },
  };

  function choose(conversation: string): void {
    workbench.selected.value.dispatch({ type: "choose", conversation });
    context.visibleColumn.value = conversation === "" ? "inbox" : "conversation";
  }

  const panels = PANEL_FACTORIES.map((make) => make(context));
  if (!panels.some(({ name }) => name === context.openPanel.value)) context.openPanel.value = "";

  effect(() => (workbench.isSignedOut.value ? undefined : keys.add(keyCommands(context, panels))));
  // Added at once, not with the view: the next key press after the one that opens the panel must find these keys.
  effect(() => {
    const open = panels.find(({ name }) => name === context.openPanel.value);
    return workbench.isSignedOut.value || open?.commands === undefined ? undefined : keys.add(open.commands);
  });
  effect(() => {
    const { value: show } = context.openPanel;
    untracked(() => address.set({ show }));
  });
  // Another client may be in another conversation.
  effect(() => {
    const { session, conversation } = workbench.selected.value.state.value;
    if (session.state === "open") address.show(conversation);
  });
  // Drafts and pending messages are in memory only: ask before a reload loses them.
  addEventListener("beforeunload", (event) => {
    if (workbench.clients.value.some((client) => client.hasUnsent())) event.preventDefault();
  });
  render(<App context={context} panels={panels} />, document.getElementById("app")!);
}

startConsole();
