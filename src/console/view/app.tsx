import { useEffect, useRef } from "preact/hooks";
import { titleOf } from "../names.ts";
import type { Panel, PanelContext } from "../panel/panel.ts";
import { Announcement } from "./announcement.tsx";
import { CodeSheet } from "./code-sheet.tsx";
import { ConversationView } from "./conversation/conversation.tsx";
import { Inbox } from "./inbox/inbox.tsx";
import { KeyboardHelp } from "./keyboard-help.tsx";
import { PanelArea } from "./panel-area.tsx";
import { People } from "./people/people.tsx";
import { SignIn } from "./sign-in.tsx";
import { Notices } from "./top/notices.tsx";
import { Top } from "./top/top.tsx";

interface AppProps {
  readonly context: PanelContext;
  readonly panels: readonly Panel[];
}

/** The whole page: the sign-in while no client is signed in; then the inbox, the conversation, and what lies beside it. */
export function App({ context, panels }: AppProps) {
  const { workbench } = context;
  const isSignedOut = workbench.isSignedOut.value;
  const isResuming = workbench.isResuming.value;
  const wasSignedIn = useRef(false);
  if (!isSignedOut) wasSignedIn.current = true;
  const title = pageTitle(context);
  useEffect(() => {
    document.title = title;
  }, [title]);
  return (
    <>
      <Top context={context} isSignedOut={isSignedOut} />
      {!isSignedOut ? (
        <Workspace context={context} panels={panels} />
      ) : isResuming ? (
        <main class="welcome" aria-busy="true">
          <p class="fine">Signing in…</p>
        </main>
      ) : (
        <main class="welcome">
          <SignIn workbench={workbench} client={workbench.selected.value} focus={wasSignedIn.current} />
        </main>
      )}
      <KeyboardHelp keys={context.keys} />
      <CodeSheet context={context} />
    </>
  );
}

/** `(3) lobby · Parley`, so that another tab shows that there is something to read. */
function pageTitle({ workbench }: PanelContext): string {
  const client = workbench.selected.value;
  const { session, conversation } = client.state.value;
  if (session.state === "signed_out") return "Parley";
  const unread = client.inbox.value?.unread ?? 0;
  const facts = client.room.value?.facts.value;
  const name = conversation === "" ? "" : `${titleOf(facts, conversation)} · `;
  return `${unread > 0 ? `(${unread}) ` : ""}${name}Parley`;
}

function Workspace({ context, panels }: AppProps) {
  const { workbench } = context;
  const client = workbench.selected.value;
  const { session, conversation } = client.state.value;
  const isSignedOut = session.state === "signed_out";
  const hasTools = context.openPanel.value !== "";
  // Without a conversation a narrow screen shows the inbox.
  const { value: chosen } = context.visibleColumn;
  const isEmpty = !isSignedOut && conversation === "" && (chosen === "conversation" || chosen === "people");
  const column = isEmpty ? "inbox" : chosen;
  const hasPeople = !isSignedOut && conversation !== "" && client.room.value !== undefined;
  return (
    <>
      <Notices client={client} workbench={workbench} />
      <main
        class="desk"
        id="desk"
        data-column={column}
        data-people={hasPeople && context.hasPeople.value}
        data-tools={hasTools}
        data-wide={hasTools && context.isWide.value}
      >
        <h1 class="unseen">Messenger</h1>
        {isSignedOut ? (
          <section class="conversation sign-in-here" aria-label="Sign in">
            <div class="welcome" key={client.id}>
              <SignIn workbench={workbench} client={client} focus={true} />
            </div>
          </section>
        ) : (
          <>
            <Inbox key={`inbox ${client.id}`} context={context} client={client} />
            <ConversationView key={client.id} context={context} client={client} />
          </>
        )}
        {hasPeople && (
          <People
            key={`${client.id} ${conversation}`}
            context={context}
            client={client}
            room={client.room.value!}
          />
        )}
        {hasTools && <PanelArea context={context} panels={panels} />}
        <Announcement announcer={context.announcer} />
      </main>
    </>
  );
}
