import { useEffect, useRef } from "preact/hooks";
import type { Panel, PanelContext } from "../panel/panel.ts";
import type { Announcer } from "../shell/announcer.ts";
import { Clients } from "./clients.tsx";
import { ConversationView } from "./conversation/conversation.tsx";
import { IconButton } from "./icon.tsx";
import { KeyboardHelp, openKeyboardHelp } from "./keyboard-help.tsx";
import { PanelArea } from "./panel-area.tsx";
import { SignIn } from "./sign-in.tsx";

interface AppProps {
  readonly context: PanelContext;
  readonly panels: readonly Panel[];
}

/** The whole page: the sign-in while no client is signed in; then the clients, the selected conversation, and the panels. */
export function App({ context, panels }: AppProps) {
  const { workbench } = context;
  const isSignedOut = workbench.isSignedOut.value;
  const wasSignedIn = useRef(false);
  if (!isSignedOut) wasSignedIn.current = true;
  useEffect(() => {
    document.title = isSignedOut ? "Parley" : `${workbench.selected.value.state.value.conversation} · Parley`;
  });
  return (
    <>
      <Top context={context} isSignedOut={isSignedOut} />
      {isSignedOut ? (
        <main class="welcome">
          <SignIn workbench={workbench} client={workbench.selected.value} focus={wasSignedIn.current} />
        </main>
      ) : (
        <Workspace context={context} panels={panels} />
      )}
      <KeyboardHelp keys={context.keys} />
    </>
  );
}

function Top({ context, isSignedOut }: { readonly context: PanelContext; readonly isSignedOut: boolean }) {
  return (
    <header class="bar">
      <span class="brand">
        <img src="console/icon.svg" alt="" width="22" height="22" />
        <span class="brand-name">Parley</span>
      </span>
      {!isSignedOut && (
        <div class="account">
          <ColumnSwitch context={context} />
          <IconButton icon="keys" label="Keys" shortcut="?" id="show-keys" onClick={openKeyboardHelp} />
          <button class="quiet small" id="sign-out" type="button" onClick={() => context.workbench.signOut()}>
            Sign out
          </button>
        </div>
      )}
    </header>
  );
}

/** The last announcement: shown for a while, and read by screen readers. */
function LiveAnnouncement({ announcer }: { readonly announcer: Announcer }) {
  const { value: announcement } = announcer.current;
  return (
    <p class="announcement" id="announcement" aria-live="polite">
      {/* The same words again are another node, so that they are read out again. */}
      {announcement !== undefined && <span key={announcement.number}>{announcement.text}</span>}
    </p>
  );
}

const COLUMNS = [
  ["clients", "Clients"],
  ["conversation", "Chat"],
  ["panel", "Panels"],
] as const;

/** Selects one of the three columns on a narrow screen; hidden on a wide one. */
function ColumnSwitch({ context }: { readonly context: PanelContext }) {
  return (
    <nav class="places" aria-label="Parts of the page">
      {COLUMNS.map(([name, label]) => (
        <button
          key={name}
          type="button"
          class="quiet small"
          aria-current={context.visibleColumn.value === name ? "true" : undefined}
          onClick={() => {
            context.visibleColumn.value = name;
          }}
        >
          {label}
        </button>
      ))}
    </nav>
  );
}

function Workspace({ context, panels }: AppProps) {
  const { workbench } = context;
  const client = workbench.selected.value;
  const { session } = client.state.value;
  return (
    <main class="desk" id="desk" data-column={context.visibleColumn.value} data-wide={context.isWide.value}>
      <h1 class="unseen">Test bench</h1>
      <Clients context={context} />
      <section class="conversation" aria-label="Conversation">
        {session.state === "signed_out" ? (
          <div class="welcome" key={client.id}>
            <SignIn workbench={workbench} client={client} focus={true} />
          </div>
        ) : (
          <ConversationView key={client.id} context={context} client={client} />
        )}
      </section>
      <PanelArea context={context} panels={panels} />
      <LiveAnnouncement announcer={context.announcer} />
    </main>
  );
}
