import type { TestClient } from "../../client/test-client.ts";
import { listNames } from "../../format.ts";
import type { PanelContext } from "../../panel/panel.ts";
import { Composer } from "./composer.tsx";
import { ConversationForm } from "./conversation-form.tsx";
import { MemberList } from "./member-list.tsx";
import { Messages } from "./messages.tsx";
import { Notices } from "./notices.tsx";

interface ConversationViewProps {
  readonly context: PanelContext;
  readonly client: TestClient;
}

/** The conversation of the selected client, from its name to the composer. */
export function ConversationView({ context, client }: ConversationViewProps) {
  const { workbench, address, announcer } = context;
  return (
    <>
      <ConversationForm client={client} address={address} />
      <MemberList client={client} />
      <Messages client={client} workbench={workbench} />
      <Typing client={client} />
      <Notices client={client} workbench={workbench} />
      <Composer client={client} workbench={workbench} announce={announcer.announce} />
    </>
  );
}

/** The users who are typing. Empty, it keeps its height, so that the layout does not jump. */
function Typing({ client }: { readonly client: TestClient }) {
  const { session } = client.state.value;
  const names = session.state === "open" ? session.typing : [];
  const verb = names.length === 1 ? "is" : "are";
  return (
    <p class="typing" id="typing">
      {names.length === 0 ? "" : `${listNames(names)} ${verb} typing…`}
    </p>
  );
}
