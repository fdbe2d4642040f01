// The part of the address after the `#`, which is not sent to the server: `#lobby?show=timeline&find=ack`.
import { type ReadonlySignal, signal } from "@preact/signals";
import { conversationProblem } from "../conversation-name.ts";

/** The content of the address. */
export interface HashState {
  /** Missing if the address has none, or an invalid name: then no conversation is shown. */
  readonly conversation?: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** Parses the part after the `#`. Invalid parts are ignored. */
export function parseHash(hash: string): HashState {
  const [before = "", behind = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const fields = Object.fromEntries(new URLSearchParams(behind));
  let name: string;
  try {
    name = decodeURIComponent(before);
  } catch {
    return { fields };
  }
  return conversationProblem(name) === undefined ? { conversation: name, fields } : { fields };
}

/** Formats it; empty fields are omitted. */
export function formatHash({ conversation = "", fields }: HashState): string {
  const kept = Object.entries(fields).filter(([, value]) => value !== "");
  const query = String(new URLSearchParams(kept));
  return `#${conversation}${query === "" ? "" : `?${query}`}`;
}

/** The address of the page, kept in sync with its state. */
export interface Address {
  readonly fields: ReadonlySignal<Readonly<Record<string, string>>>;
  /** The conversation; empty: none. */
  conversation(): string;
  /** Changes the address without a new entry in the browser's history. */
  set(fields: Readonly<Record<string, string>>): void;
  /** Changes to a conversation; "back" returns to the one before. */
  goTo(conversation: string): void;
  /** Updates the address for the selected client, which is in another conversation. */
  show(conversation: string): void;
}

/** `changed` is called when the person changed the conversation in the address, or went back. */
export function createAddress(onConversationChange: (conversation: string) => void): Address {
  const first = parseHash(location.hash);
  const fields = signal(first.fields);
  let conversation = first.conversation ?? "";

  function replace(): void {
    history.replaceState(null, "", formatHash({ fields: fields.value, conversation }));
  }

  addEventListener("hashchange", () => {
    const hashState = parseHash(location.hash);
    fields.value = hashState.fields;
    const { conversation: name = "" } = hashState;
    if (name === conversation) return;
    conversation = name;
    onConversationChange(conversation);
  });

  return {
    fields,
    conversation: () => conversation,
    set(next) {
      fields.value = { ...fields.value, ...next };
      replace();
    },
    goTo(name) {
      if (name === conversation && location.hash !== "") return;
      conversation = name;
      location.hash = formatHash({ conversation: name, fields: fields.value });
    },
    show(name) {
      if (name === conversation) return;
      conversation = name;
      replace();
    },
  };
}
