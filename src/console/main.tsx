// The console's one place where parts meet: the bench, the address, the keys, and the views on them.
import { effect, signal, untracked } from "@preact/signals";
import { render } from "preact";
import { createAddress } from "./address.ts";
import { createBench } from "./bench.ts";
import { keyCommands } from "./key-commands.ts";
import { createKeyboard } from "./keyboard.ts";
import { MAKE_PANELS } from "./panel/all.ts";
import type { Desk } from "./panel/panel.ts";
import { browserStore } from "./store.ts";
import { createTeller } from "./told.ts";
import { App } from "./view/app.tsx";

function startConsole(): void {
  const address = createAddress((conversation) => {
    bench.selected.value.happen({ type: "choose", conversation });
  });
  const bench = createBench(address.conversation() ?? "lobby");
  const keys = createKeyboard(document, browserStore());
  const desk: Desk = {
    bench,
    keys,
    address,
    panel: signal(address.fields.value.show ?? ""),
    place: signal("talk"),
    isWide: signal(false),
    toEdit: signal(undefined),
    teller: createTeller(),
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
  // What is written, and what waits to be sent, is in memory only, like the token: a reload would lose it, so the person is asked.
  addEventListener("beforeunload", (event) => {
    const isLost = bench.clients.value.some((client) => {
      const { outbox } = client.current().transcript;
      return client.draft.value.trim() !== "" || outbox.some((row) => row.kind === "pending");
    });
    if (isLost) event.preventDefault();
  });
  render(<App desk={desk} panels={panels} />, document.getElementById("app")!);
}

startConsole();
