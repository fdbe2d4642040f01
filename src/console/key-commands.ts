import type { Command } from "./keyboard.ts";
import type { Desk, Panel } from "./panel/panel.ts";
import { openKeySheet } from "./view/key-sheet.tsx";

/** The keys that always work, whichever panel is open. */
export function keyCommands(desk: Desk, panels: readonly Panel[]): readonly Command[] {
  const { bench, address } = desk;

  function step(by: number): void {
    const clients = bench.clients.value;
    const index = clients.indexOf(bench.selected.value);
    bench.select(clients[(index + by + clients.length) % clients.length]!.id);
    desk.told.value = `${bench.nameOf(bench.selected.value.id)} is selected`;
  }

  function toggleLine(): void {
    const client = bench.selected.value;
    const { session, conversation } = client.current();
    if (session.at === "open") client.happen({ type: "leave" });
    else {
      address.goTo(conversation);
      client.connect();
    }
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
    { key: "n", label: "Add a client", group: "Clients", run: () => void bench.add() },
    { key: "j", label: "Next client", group: "Clients", run: () => step(1) },
    { key: "k", label: "Previous client", group: "Clients", run: () => step(-1) },
    {
      key: "d",
      label: "Duplicate the client",
      group: "Clients",
      run: () => void bench.duplicate(bench.selected.value),
    },
    { key: "X", label: "Drop the client", group: "Clients", run: () => bench.drop(bench.selected.value) },
    { key: "c", label: "Connect, or leave", group: "Conversation", run: toggleLine },
    {
      key: "m",
      label: "Write a message",
      group: "Conversation",
      run: () => {
        desk.place.value = "talk";
        document.getElementById("text")?.focus();
      },
    },
    {
      key: "a",
      label: "Talk as all, or as one",
      group: "Conversation",
      run: () => {
        bench.talkAsAll.value = !bench.talkAsAll.value;
        desk.told.value = bench.talkAsAll.value ? "You talk as all clients" : "You talk as one client";
      },
    },
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
