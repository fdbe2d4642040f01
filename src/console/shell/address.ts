// The part of the address behind the `#`, which no server is told: `#lobby?show=timeline&find=ack`.
import { type ReadonlySignal, signal } from "@preact/signals";
import { conversationProblem } from "../conversation-name.ts";

/** What the address says. */
export interface HashState {
  /** Missing where none, or none with a good name, is there. */
  readonly conversation?: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** Reads the part behind the `#`. What cannot be read is left out. */
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

/** Writes it; a field that is empty is left out. */
export function formatHash({ conversation = "", fields }: HashState): string {
  const kept = Object.entries(fields).filter(([, value]) => value !== "");
  const query = String(new URLSearchParams(kept));
  return `#${conversation}${query === "" ? "" : `?${query}`}`;
}

/** The address of the page, kept in step with what is shown. */
export interface Address {
  readonly fields: ReadonlySignal<Readonly<Record<string, string>>>;
  conversation(): string | undefined;
  /** Changes the address without a step in the browser's history. */
  set(fields: Readonly<Record<string, string>>): void;
  /** Goes to a conversation; "back" leads to the one before. */
  goTo(conversation: string): void;
  /** The address of the selected client, whose conversation is another one. */
  show(conversation: string): void;
}

/** `changed` is called when the person has changed the conversation in the address, or gone back. */
export function createAddress(onConversationChange: (conversation: string) => void): Address {
  const first = parseHash(location.hash);
  const fields = signal(first.fields);
  let conversation = first.conversation;

  function replace(): void {
    const hashState = { fields: fields.value, ...(conversation !== undefined && { conversation }) };
    history.replaceState(null, "", formatHash(hashState));
  }

  addEventListener("hashchange", () => {
    const hashState = parseHash(location.hash);
    fields.value = hashState.fields;
    if (hashState.conversation === undefined || hashState.conversation === conversation) return;
    conversation = hashState.conversation;
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
