// The console's one place where parts meet: the bench, the address, the keys, and the views on them.
import { effect, signal, untracked } from "@preact/signals";
import { render } from "preact";
import { createAddress } from "./address.ts";
import { createBench } from "./bench.ts";
import { keyCommands } from "./key-commands.ts";
import { createKeyboard } from "./keyboard.ts";
import { MAKE_PANELS } from "./panel/all.ts";
import type { Desk } from "./panel/panel.ts";
import { App } from "./view/app.tsx";

function startConsole(): void {
  const address = createAddress((conversation) => {
    bench.selected.value.happen({ type: "choose", conversation });
  });
  const bench = createBench(address.conversation() ?? "lobby");
  const keys = createKeyboard(document);
  const desk: Desk = {
    bench,
    keys,
    address,
    panel: signal(address.fields.value.show ?? ""),
    place: signal("talk"),
    isWide: signal(false),
    toEdit: signal(undefined),
    told: signal(""),
  };
  const panels = MAKE_PANELS.map((make) => make(desk));
  const first = panels[0]!.name;
  if (!panels.some(({ name }) => name === desk.panel.value)) desk.panel.value = first;

  effect(() => (bench.isEmpty.value ? undefined : keys.add(keyCommands(desk, panels))));
  // At once, and not with the view: a key that follows the one that opens the panel must find them.
  effect(() => {
    const open = panels.find(({ name }) => name === desk.panel.value);
    return bench.isEmpty.value || open?.commands === undefined ? undefined : keys.add(open.commands);
  });
  effect(() => {
    const { value: name } = desk.panel;
    untracked(() => address.set({ show: name === first ? "" : name }));
  });
  // Another client talks in another conversation.
  effect(() => {
    const { session, conversation } = bench.selected.value.state.value;
    if (session.at === "open") address.show(conversation);
  });
  // What waits to be sent is in memory only, like the token: a reload would lose it, so the person is asked first.
  addEventListener("beforeunload", (event) => {
    const waits = bench.clients.value.some((client) =>
      client.current().transcript.outbox.some((row) => row.kind === "pending"),
    );
    if (waits) event.preventDefault();
  });
  render(<App desk={desk} panels={panels} />, document.getElementById("app")!);
}

startConsole();
