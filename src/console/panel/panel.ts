// A panel is one tool (the timeline, sending, …) with its own tab, which is opened next to the conversation.
import type { Signal } from "@preact/signals";
import type { ComponentType } from "preact";
import type { Actions } from "../action/actions.ts";
import type { Address } from "../shell/address.ts";
import type { Announcer } from "../shell/announcer.ts";
import type { Command, Keyboard } from "../shell/keyboard.ts";
import type { Workbench } from "../shell/workbench.ts";

/** The parts of the page; a narrow screen shows one at a time. */
export type Column = "inbox" | "conversation" | "people" | "panel";

/** The shared state of all views and panels. */
export interface PanelContext {
  readonly workbench: Workbench;
  readonly keys: Keyboard;
  readonly address: Address;
  readonly actions: Actions;
  /** The name of the open panel; empty: the tools are closed. */
  readonly openPanel: Signal<string>;
  /** The part that a narrow screen shows. */
  readonly visibleColumn: Signal<Column>;
  /** Whether the people of the conversation are shown beside it, where there is room. */
  readonly hasPeople: Signal<boolean>;
  /** Whether the panels also use the conversation's space. */
  readonly isWide: Signal<boolean>;
  /** The text of a frame to edit and send again: set by other panels, consumed by the Send panel. */
  readonly frameToEdit: Signal<string | undefined>;
  /** The number of a frame to show: consumed by the timeline. */
  readonly frameToShow: Signal<number | undefined>;
  /** Announces the result of an action that would otherwise not be visible. */
  readonly announcer: Announcer;
  /** Shows a conversation of the selected client. */
  openConversation(name: string): void;
  /** Opens the tools with a panel. */
  showPanel(name: string): void;
}

/** One tab. Its view is created when it is opened and removed when another one is. */
export interface Panel {
  /** The name in the address (`show=`); short, lower case. */
  readonly name: string;
  readonly title: string;
  /** The key that opens it. */
  readonly key: string;
  /** Keys that work while it is open. */
  readonly commands?: readonly Command[];
  readonly View: ComponentType;
}

/** Creates a panel, once, at the start. State that must outlive its view is kept in signals. */
export type PanelFactory = (context: PanelContext) => Panel;
