import { effect, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Panel, PanelContext } from "../panel.ts";
import type { SendPanel } from "./send-panel.tsx";

/** Sending by hand. It is loaded when it is first opened, and stays from then on. */
export function createSend(context: PanelContext): Panel {
  const panel = signal<SendPanel | undefined>(undefined);
  let isAsked = false;

  async function load(): Promise<void> {
    if (isAsked) return;
    isAsked = true;
    const { createSendPanel } = await import("./send-panel.tsx");
    panel.value = createSendPanel(context);
  }

  effect(() => {
    if (context.frameToEdit.value !== undefined) context.showPanel("send");
  });

  function View() {
    useEffect(() => {
      void load();
    }, []);
    const Loaded = panel.value?.View;
    return Loaded === undefined ? null : <Loaded />;
  }

  const commands = [
    {
      key: "g",
      label: "Send the frame (in its fields: Ctrl + Enter)",
      group: "Send",
      run: () => panel.value?.send(),
    },
    { key: "e", label: "Edit the frame", group: "Send", run: () => document.getElementById("raw")?.focus() },
  ];
  return { name: "send", title: "Send", key: "s", commands, View };
}
