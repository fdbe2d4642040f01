// The clients of the page with the figures of their connections, and what may be done with each.
import type { Panel, PanelContext } from "../panel.ts";
import { ClientCard } from "./client-card.tsx";

export function createClients({ workbench, visibleColumn }: PanelContext): Panel {
  function View() {
    return (
      <div class="panel-page clients">
        <p class="fine">
          Each client is a connection of its own: another user, or the same one again. They are the tabs at
          the top.
        </p>
        <ul class="client-cards" id="client-cards">
          {workbench.clients.value.map((client) => (
            <ClientCard
              key={client.id}
              workbench={workbench}
              client={client}
              choose={() => {
                workbench.select(client.id);
                visibleColumn.value = "conversation";
              }}
            />
          ))}
        </ul>
      </div>
    );
  }
  return { name: "clients", title: "Clients", key: "o", View };
}
