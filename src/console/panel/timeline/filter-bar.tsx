import type { ComponentChildren } from "preact";
import { titleOf } from "../../names.ts";
import type { Workbench } from "../../shell/workbench.ts";
import { CLIENT_FRAME_TYPES, SERVER_FRAME_TYPES } from "../../wire/frame-types.ts";
import type { Filter } from "./filter.ts";

/** Entries of the timeline that are not frames. */
const OTHER_TYPES = ["dial", "open", "close", "wait", "binary", "not JSON", "no type"];

const TYPES = [...new Set([...CLIENT_FRAME_TYPES, ...SERVER_FRAME_TYPES])].sort();

interface FilterBarProps {
  readonly workbench: Workbench;
  readonly filter: Filter;
  readonly problem: string | undefined;
  set(filter: Filter): void;
  readonly children: ComponentChildren;
}

/** The filter. It is part of the address, so that a link or a reload keeps it. */
export function FilterBar({ workbench, filter, problem, set, children }: FilterBarProps) {
  const names = new Set(workbench.clients.value.map(({ id }) => workbench.nameOf(id)));
  const conversations = conversationsOf(workbench, filter.conversation);
  // A removed client, or one that does not exist yet after a reload, stays selected.
  if (filter.client !== "") names.add(filter.client);
  return (
    <form class="filters" aria-label="Filter" onSubmit={(event) => event.preventDefault()}>
      <select
        aria-label="Client"
        id="filter-client"
        value={filter.client}
        onChange={(event) => set({ ...filter, client: event.currentTarget.value })}
      >
        <option value="">All clients</option>
        {[...names].map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <select
        aria-label="Conversation"
        id="filter-conversation"
        value={filter.conversation}
        onChange={(event) => set({ ...filter, conversation: event.currentTarget.value })}
      >
        <option value="">All conversations</option>
        {conversations.map(([name, title]) => (
          <option key={name} value={name}>
            {title}
          </option>
        ))}
      </select>
      <select
        aria-label="Direction"
        id="filter-direction"
        value={filter.direction}
        onChange={(event) => set({ ...filter, direction: event.currentTarget.value as Filter["direction"] })}
      >
        <option value="">All directions</option>
        <option value="out">Sent</option>
        <option value="in">Received</option>
        <option value="line">Connection</option>
        <option value="fault">Faults</option>
      </select>
      <select
        aria-label="Type"
        id="filter-type"
        value={filter.type}
        onChange={(event) => set({ ...filter, type: event.currentTarget.value })}
      >
        <option value="">All types</option>
        {[...TYPES, ...OTHER_TYPES].map((type) => (
          <option key={type} value={type}>
            {type}
          </option>
        ))}
      </select>
      <input
        type="search"
        id="find"
        aria-label="Find text, or /expression/"
        aria-invalid={problem !== undefined}
        aria-describedby="find-problem"
        placeholder="Find text, or /expression/"
        spellcheck={false}
        value={filter.find}
        onInput={(event) => set({ ...filter, find: event.currentTarget.value })}
      />
      <label class="check">
        <input
          type="checkbox"
          id="filter-marked"
          checked={filter.marked}
          onChange={(event) => set({ ...filter, marked: event.currentTarget.checked })}
        />
        Marked
      </label>
      {children}
      <p class="problem" id="find-problem" role="alert">
        {problem ?? ""}
      </p>
    </form>
  );
}

/** Returns the conversations of the clients' inboxes and those that are open, with their titles; also the chosen one. */
function conversationsOf({ clients }: Workbench, chosen: string): readonly (readonly [string, string])[] {
  const all = new Map(chosen === "" ? [] : [[chosen, chosen]]);
  for (const client of clients.value) {
    const { conversation } = client.state.value;
    if (conversation !== "") all.set(conversation, titleOf(client.room.value?.facts.value, conversation));
    for (const item of client.inbox.value?.items ?? [])
      all.set(item.conversation, titleOf(item, item.conversation));
  }
  return [...all];
}
