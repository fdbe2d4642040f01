import type { Command } from "./keyboard.ts";
import type { Desk, Panel } from "./panel/panel.ts";
import { TOO_MANY } from "./view/clients.tsx";
import { openKeySheet } from "./view/key-sheet.tsx";

const SIGNED_OUT = "Sign this client in first";

/** The keys that always work, whichever panel is open. */
export function keyCommands(desk: Desk, panels: readonly Panel[]): readonly Command[] {
  const { bench, address } = desk;
  const { tell } = desk.teller;

  function step(by: number): void {
    const clients = bench.clients.value;
    if (clients.length === 1) {
      tell("There is no other client; n adds one");
      return;
    }
    const index = clients.indexOf(bench.selected.value);
    bench.select(clients[(index + by + clients.length) % clients.length]!.id);
    tell(`${bench.nameOf(bench.selected.value.id)} is selected`);
  }

  function add(): void {
    if (bench.add() === undefined) tell(TOO_MANY);
    else desk.place.value = "talk";
  }

  function duplicate(): void {
    const client = bench.selected.value;
    if (client.current().session.at === "signed_out") tell(SIGNED_OUT);
    else if (bench.duplicate(client) === undefined) tell(TOO_MANY);
  }

  function drop(): void {
    const client = bench.selected.value;
    const name = bench.nameOf(client.id);
    bench.drop(client);
    tell(`${name} was dropped`);
  }

  function toggleLine(): void {
    const client = bench.selected.value;
    const { session, conversation } = client.current();
    if (session.at === "signed_out") tell(SIGNED_OUT);
    else if (session.at === "open") client.happen({ type: "leave" });
    else {
      address.goTo(conversation);
      client.connect();
    }
  }

  function write(): void {
    desk.place.value = "talk";
    const field = document.getElementById("text");
    if (field === null) tell(SIGNED_OUT);
    else field.focus();
  }

  function toggleAll(): void {
    if (bench.clients.value.length === 1) {
      tell("There is no other client to talk as; n adds one");
      return;
    }
    bench.talkAsAll.value = !bench.talkAsAll.value;
    tell(bench.talkAsAll.value ? "You talk as all clients" : "You talk as one client");
  }

  const page: Command[] = [
    { key: "?", label: "This sheet", group: "Page", run: openKeySheet },
    {
      key: "w",
      label: "Panels over the whole width, and back",
      group: "Page",
      run: () => {
        desk.isWide.value = !desk.isWide.value;
      },
    },
    { key: "n", label: "Add a client", group: "Clients", run: add },
    { key: "j", label: "Next client", group: "Clients", run: () => step(1) },
    { key: "k", label: "Previous client", group: "Clients", run: () => step(-1) },
    { key: "d", label: "Duplicate the client", group: "Clients", run: duplicate },
    { key: "X", label: "Drop the client", group: "Clients", run: drop },
    { key: "c", label: "Connect, or leave", group: "Conversation", run: toggleLine },
    {
      key: "m",
      label: "Write a message",
      group: "Conversation",
      run: write,
    },
    { key: "a", label: "Talk as all, or as one", group: "Conversation", run: toggleAll },
  ];
  const open = panels.map(({ key, title, name }): Command => {
    const run = () => {
      desk.panel.value = name;
      desk.place.value = "panel";
      document.getElementById(`tab-${name}`)?.focus();
    };
    return { key, label: `Open ${title.toLowerCase()}`, group: "Panels", run };
  });
  return [...page, ...open];
}
