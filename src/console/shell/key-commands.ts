import type { Panel, PanelContext } from "../panel/panel.ts";
import { TOO_MANY_CLIENTS } from "../view/clients.tsx";
import { openKeyboardHelp } from "../view/keyboard-help.tsx";
import type { Command } from "./keyboard.ts";

const SIGNED_OUT = "Sign this client in first";

/** The keys that work in every panel. */
export function keyCommands(context: PanelContext, panels: readonly Panel[]): readonly Command[] {
  const { workbench, address } = context;
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
    const { session, conversation } = client.current();
    if (session.state === "signed_out") announce(SIGNED_OUT);
    else if (session.state === "open") client.dispatch({ type: "leave" });
    else {
      address.goTo(conversation);
      client.connect();
    }
  }

  function write(): void {
    context.visibleColumn.value = "conversation";
    const field = document.getElementById("text");
    if (field === null) announce(SIGNED_OUT);
    else field.focus();
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

  const page: Command[] = [
    { key: "?", label: "This sheet", group: "Page", run: openKeyboardHelp },
    {
      key: "w",
      label: "Panels over the whole width, and back",
      group: "Page",
      run: () => {
        context.isWide.value = !context.isWide.value;
      },
    },
    { key: "n", label: "Add a client", group: "Clients", run: add },
    { key: "j", label: "Next client", group: "Clients", run: () => selectRelative(1) },
    { key: "k", label: "Previous client", group: "Clients", run: () => selectRelative(-1) },
    { key: "d", label: "Duplicate the client", group: "Clients", run: duplicate },
    { key: "X", label: "Drop the client", group: "Clients", run: drop },
    { key: "c", label: "Connect, or leave", group: "Conversation", run: toggleConnection },
    {
      key: "m",
      label: "Write a message",
      group: "Conversation",
      run: write,
    },
    { key: "a", label: "Send as all clients, or as one", group: "Conversation", run: toggleAll },
  ];
  const open = panels.map(({ key, title, name }): Command => {
    const run = () => {
      context.openPanel.value = name;
      context.visibleColumn.value = "panel";
      document.getElementById(`tab-${name}`)?.focus();
    };
    return { key, label: `Open ${title.toLowerCase()}`, group: "Panels", run };
  });
  return [...page, ...open];
}
