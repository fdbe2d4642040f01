// What a panel is: one concern of the bench (the timeline, sending, …) with a tab of its own beside the conversation.
import type { Signal } from "@preact/signals";
import type { ComponentType } from "preact";
import type { Address } from "../shell/address.ts";
import type { Announcer } from "../shell/announcer.ts";
import type { Command, Keyboard } from "../shell/keyboard.ts";
import type { Workbench } from "../shell/workbench.ts";

/** What a panel is given. */
export interface PanelContext {
  readonly workbench: Workbench;
  readonly keys: Keyboard;
  readonly address: Address;
  /** The name of the panel that is open. */
  readonly openPanel: Signal<string>;
  /** Which column a narrow screen shows. */
  readonly visibleColumn: Signal<"clients" | "talk" | "panel">;
  /** Whether the panels have the conversation's room too. */
  readonly isWide: Signal<boolean>;
  /** A frame's text that is to be edited and sent again: set by whoever offers it, taken by the panel that sends. */
  readonly frameToEdit: Signal<string | undefined>;
  /** Says in a few words what was just done, or why it was not, where that would not be noticed. */
  readonly announcer: Announcer;
}

/** One tab. Its view is made when it is opened and is gone when another one is. */
export interface Panel {
  /** In the address (`show=`); short, lower case. */
  readonly name: string;
  readonly title: string;
  /** The key that opens it. */
  readonly key: string;
  /** Keys that work while it is open. */
  readonly commands?: readonly Command[];
  readonly View: ComponentType;
}

/** Makes a panel, once, before anything has happened. What must outlast its view, it keeps in signals of its own. */
export type PanelFactory = (context: PanelContext) => Panel;
