// A panel is one part of the workbench (the timeline, sending, …) with its own tab next to the conversation.
import type { Signal } from "@preact/signals";
import type { ComponentType } from "preact";
import type { Address } from "../shell/address.ts";
import type { Announcer } from "../shell/announcer.ts";
import type { Command, Keyboard } from "../shell/keyboard.ts";
import type { Workbench } from "../shell/workbench.ts";

/** The shared state of all panels. */
export interface PanelContext {
  readonly workbench: Workbench;
  readonly keys: Keyboard;
  readonly address: Address;
  /** The name of the open panel. */
  readonly openPanel: Signal<string>;
  /** The column that a narrow screen shows. */
  readonly visibleColumn: Signal<"clients" | "conversation" | "panel">;
  /** Whether the panels also use the conversation's space. */
  readonly isWide: Signal<boolean>;
  /** The text of a frame to edit and send again: set by other panels, consumed by the Send panel. */
  readonly frameToEdit: Signal<string | undefined>;
  /** Announces the result of an action that would otherwise not be visible. */
  readonly announcer: Announcer;
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
