import type { Panel, PanelContext } from "../panel/panel.ts";
import { openKeyboardHelp } from "../view/keyboard-help.tsx";
import { TOO_MANY_CLIENTS } from "../view/top/client-chips.tsx";
import { toggleTools } from "../view/top/top.tsx";
import type { Command } from "./keyboard.ts";

const SIGNED_OUT = "Sign this client in first";

/** The keys that work everywhere on the page. */
export function keyCommands(context: PanelContext, panels: readonly Panel[]): readonly Command[] {
  const { workbench } = context;
  const { announce } = context.announcer;

  function selectRelative(by: number): void {
    const clients = workbench.clients.value;
    if (clients.length === 1) {
      announce("There is no other client; n adds one");
      return;
    }
    const index = clients.indexOf(workbench.selected.value);
    workbench.select(clients[(index + by + clients.length) % clients.length]!.id);
    announce(`${workbench.nameOf(workbench.selected.value.id)} is selected`);
  }

  function add(): void {
    if (workbench.add() === undefined) announce(TOO_MANY_CLIENTS);
    else context.visibleColumn.value = "conversation";
  }

  function duplicate(): void {
    const client = workbench.selected.value;
    if (client.current().session.state === "signed_out") announce(SIGNED_OUT);
    else if (workbench.duplicate(client) === undefined) announce(TOO_MANY_CLIENTS);
  }

  function drop(): void {
    const client = workbench.selected.value;
    const name = workbench.nameOf(client.id);
    workbench.drop(client);
    announce(`${name} was dropped`);
  }

  function toggleConnection(): void {
    const client = workbench.selected.value;
    const { session } = client.current();
    if (session.state === "signed_out") announce(SIGNED_OUT);
    else client.dispatch({ type: session.state === "open" ? "disconnect" : "connect" });
  }

  function focus(id: string, otherwise: string): void {
    const field = document.getElementById(id);
    if (workbench.selected.value.current().session.state === "signed_out") announce(SIGNED_OUT);
    else if (field === null) announce(otherwise);
    else field.focus();
  }

  function write(): void {
    if (workbench.selected.value.room.value !== undefined) context.visibleColumn.value = "conversation";
    focus("text", "Open a conversation first");
  }

  function find(): void {
    context.visibleColumn.value = "inbox";
    focus("conversation", "");
  }

  function toggleAll(): void {
    if (workbench.clients.value.length === 1) {
      announce("There is only one client; n adds another");
      return;
    }
    workbench.sendAsAll.value = !workbench.sendAsAll.value;
    announce(
      workbench.sendAsAll.value ? "Messages are sent as all clients" : "Messages are sent as one client",
    );
  }

  function toggleWide(): void {
    if (context.openPanel.value === "") toggleTools(context);
    context.isWide.value = !context.isWide.value;
  }

  const page: Command[] = [
    { key: "?", label: "This sheet", group: "Page", run: openKeyboardHelp },
    { key: "i", label: "Open or close the tools", group: "Page", run: () => toggleTools(context) },
    { key: "w", label: "Tools over the whole width, and back", group: "Page", run: toggleWide },
    { key: "n", label: "Add a client", group: "Clients", run: add },
    { key: "j", label: "Next client", group: "Clients", run: () => selectRelative(1) },
    { key: "k", label: "Previous client", group: "Clients", run: () => selectRelative(-1) },
    { key: "d", label: "Duplicate the client", group: "Clients", run: duplicate },
    { key: "X", label: "Drop the client", group: "Clients", run: drop },
    { key: "c", label: "Connect, or disconnect", group: "Clients", run: toggleConnection },
    { key: "q", label: "Find or open a conversation", group: "Conversation", run: find },
    { key: "m", label: "Write a message", group: "Conversation", run: write },
    {
      key: "u",
      label: "People and settings",
      group: "Conversation",
      run: () => document.getElementById("toggle-people")?.click(),
    },
    { key: "a", label: "Send as all clients, or as one", group: "Conversation", run: toggleAll },
    { key: "v", label: "The last action in code", group: "Conversation", run: () => context.actions.show() },
  ];
  const open = panels.map(({ key, title, name }): Command => {
    const run = () => {
      context.showPanel(name);
      document.getElementById(`tab-${name}`)?.focus();
    };
    return { key, label: `Open ${title.toLowerCase()}`, group: "Tools", run };
  });
  return [...page, ...open];
}
