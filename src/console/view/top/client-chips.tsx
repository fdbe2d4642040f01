import { useLayoutEffect, useRef } from "preact/hooks";
import type { TestClient } from "../../client/test-client.ts";
import type { PanelContext } from "../../panel/panel.ts";
import { MAX_CLIENTS, type Workbench } from "../../shell/workbench.ts";
import { Avatar } from "../avatar.tsx";
import { IconButton } from "../icon.tsx";
import { statusOf } from "../status.ts";

/** Why no client can be added. */
export const TOO_MANY_CLIENTS = `There are ${MAX_CLIENTS} clients, and no more can be added`;

/** The clients of the page, side by side, as the tabs of a browser: users who are signed in, or further ones of a user. */
export function ClientChips({ context }: { readonly context: PanelContext }) {
  const { workbench, visibleColumn } = context;
  const isFull = workbench.clients.value.length >= MAX_CLIENTS;

  function choose(client: TestClient): void {
    workbench.select(client.id);
    visibleColumn.value = client.current().conversation === "" ? "inbox" : "conversation";
  }

  return (
    <nav class="chips" aria-label="Clients">
      <ul id="clients">
        {workbench.clients.value.map((client) => (
          <Chip key={client.id} workbench={workbench} client={client} choose={() => choose(client)} />
        ))}
      </ul>
      <IconButton
        icon="add"
        label={isFull ? TOO_MANY_CLIENTS : "Add a client"}
        shortcut="n"
        id="add-client"
        disabled={isFull}
        onClick={() => {
          if (workbench.add() !== undefined) visibleColumn.value = "conversation";
        }}
      />
    </nav>
  );
}

interface ChipProps {
  readonly workbench: Workbench;
  readonly client: TestClient;
  choose(): void;
}

function Chip({ workbench, client, choose }: ChipProps) {
  const { session, usage } = client.state.value;
  const name = workbench.nameOf(client.id);
  const isSelected = workbench.selected.value === client;
  const { at, words } = statusOf(session);
  const unread = client.inbox.value?.unread ?? 0;
  const chip = useRef<HTMLLIElement>(null);
  useLayoutEffect(() => {
    if (isSelected) chip.current!.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [isSelected, name]);
  return (
    <li ref={chip} class="client" data-client={client.id} data-at={at} data-selected={isSelected}>
      <button type="button" class="pick" aria-current={isSelected ? "true" : undefined} onClick={choose}>
        <Avatar user={name} />
        {name}
      </button>
      <span class="status" data-at={at} title={words}>
        <span class="unseen">{words}</span>
      </span>
      {usage !== undefined && (
        <span class="quota">
          {usage === null ? "no limit" : `${usage.remaining.toLocaleString("en")} left`}
        </span>
      )}
      {!isSelected && unread > 0 && (
        <span class="unread" title={`${unread} unread`}>
          <span class="unseen">{unread} unread</span>
        </span>
      )}
    </li>
  );
}
