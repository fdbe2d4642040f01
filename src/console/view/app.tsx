import { useEffect, useRef } from "preact/hooks";
import type { Desk, Panel } from "../panel/panel.ts";
import type { Teller } from "../told.ts";
import { Clients } from "./clients.tsx";
import { IconButton } from "./icon.tsx";
import { KeySheet, openKeySheet } from "./key-sheet.tsx";
import { PanelArea } from "./panel-area.tsx";
import { SignIn } from "./sign-in.tsx";
import { Talk } from "./talk.tsx";

interface AppProps {
  readonly desk: Desk;
  readonly panels: readonly Panel[];
}

/** The whole page: the sign-in while nobody is there, then clients, the conversation of one of them, and the panels. */
export function App({ desk, panels }: AppProps) {
  const { bench } = desk;
  const isOutside = bench.isEmpty.value;
  const wasInside = useRef(false);
  if (!isOutside) wasInside.current = true;
  useEffect(() => {
    document.title = isOutside ? "Parley" : `${bench.selected.value.state.value.conversation} · Parley`;
  });
  return (
    <>
      <Top desk={desk} isOutside={isOutside} />
      {isOutside ? (
        <main class="welcome">
          <SignIn bench={bench} client={bench.selected.value} focus={wasInside.current} />
        </main>
      ) : (
        <Inside desk={desk} panels={panels} />
      )}
      <KeySheet keys={desk.keys} />
    </>
  );
}

function Top({ desk, isOutside }: { readonly desk: Desk; readonly isOutside: boolean }) {
  return (
    <header class="bar">
      <span class="brand">
        <img src="console/icon.svg" alt="" width="22" height="22" />
        <span class="brand-name">Parley</span>
      </span>
      {!isOutside && (
        <div class="account">
          <Places desk={desk} />
          <IconButton icon="keys" label="Keys" shortcut="?" id="show-keys" onClick={openKeySheet} />
          <button class="quiet small" id="sign-out" type="button" onClick={() => desk.bench.signOut()}>
            Sign out
          </button>
        </div>
      )}
    </header>
  );
}

/** What was just done: seen for a while, and read out. */
function Telling({ teller }: { readonly teller: Teller }) {
  const { value: told } = teller.told;
  return (
    <p class="telling" id="told" aria-live="polite">
      {/* The same words again are another node, so that they are read out again. */}
      {told !== undefined && <span key={told.number}>{told.text}</span>}
    </p>
  );
}

const PLACES = [
  ["clients", "Clients"],
  ["talk", "Talk"],
  ["panel", "Panels"],
] as const;

/** On a narrow screen one of the three columns is shown at a time; on a wide one this is not there. */
function Places({ desk }: { readonly desk: Desk }) {
  return (
    <nav class="places" aria-label="Parts of the page">
      {PLACES.map(([name, label]) => (
        <button
          key={name}
          type="button"
          class="quiet small"
          aria-current={desk.place.value === name ? "true" : undefined}
          onClick={() => {
            desk.place.value = name;
          }}
        >
          {label}
        </button>
      ))}
    </nav>
  );
}

function Inside({ desk, panels }: AppProps) {
  const { bench } = desk;
  const client = bench.selected.value;
  const { session } = client.state.value;
  return (
    <main class="desk" id="desk" data-place={desk.place.value} data-wide={desk.isWide.value}>
      <h1 class="unseen">Test bench</h1>
      <Clients desk={desk} />
      <section class="talk" aria-label="Conversation">
        {session.at === "signed_out" ? (
          <div class="welcome" key={client.id}>
            <SignIn bench={bench} client={client} focus={true} />
          </div>
        ) : (
          <Talk key={client.id} desk={desk} client={client} />
        )}
      </section>
      <PanelArea desk={desk} panels={panels} />
      <Telling teller={desk.teller} />
    </main>
  );
}
