import type { Room } from "../../client/room.ts";
import type { TestClient } from "../../client/test-client.ts";
import { listNames } from "../../format.ts";
import type { PanelContext } from "../../panel/panel.ts";
import { Composer } from "./composer.tsx";
import { ConversationHead } from "./conversation-head.tsx";
import { Messages } from "./messages.tsx";
import { RoomNotice } from "./room-notice.tsx";

interface ConversationViewProps {
  readonly context: PanelContext;
  readonly client: TestClient;
}

/** The conversation that a client shows, from its title to the composer. */
export function ConversationView({ context, client }: ConversationViewProps) {
  const { workbench, announcer } = context;
  const room = client.room.value;
  const { conversation } = client.state.value;
  if (room === undefined || conversation === "")
    return (
      <section class="conversation none" aria-label="Conversation">
        <div class="empty" id="no-conversation">
          <p>Choose a conversation, or open one by its name.</p>
          <button
            type="button"
            class="plain"
            id="open-lobby"
            onClick={() => context.openConversation("lobby")}
          >
            Open the lobby
          </button>
        </div>
      </section>
    );
  return (
    <section class="conversation" aria-labelledby="conversation-title">
      <ConversationHead context={context} client={client} room={room} />
      <Messages key={conversation} context={context} client={client} room={room} />
      <Typing room={room} />
      <RoomNotice room={room} client={client} />
      <Composer client={client} room={room} workbench={workbench} announce={announcer.announce} />
    </section>
  );
}

/** The users who are typing. Empty, it keeps its height, so that the layout does not jump. */
function Typing({ room }: { readonly room: Room }) {
  const { typing: names } = room.presence.value;
  const verb = names.length === 1 ? "is" : "are";
  return (
    <p class="typing" id="typing">
      {names.length === 0 ? "" : `${listNames(names)} ${verb} typing…`}
    </p>
  );
}
