import type { PanelContext } from "../../panel/panel.ts";
import { Icon, IconButton } from "../icon.tsx";
import { openKeyboardHelp } from "../keyboard-help.tsx";
import { statusOf } from "../status.ts";
import { ClientChips } from "./client-chips.tsx";

/** The bar over everything: the clients of the page, the state of the selected one, and what concerns the whole page. */
export function Top({
  context,
  isSignedOut,
}: {
  readonly context: PanelContext;
  readonly isSignedOut: boolean;
}) {
  const { openPanel, workbench } = context;
  return (
    <header class="bar">
      <span class="brand">
        <img src="console/icon.svg" alt="" width="22" height="22" />
        <span class="brand-name">Parley</span>
      </span>
      {!isSignedOut && (
        <>
          <ClientChips context={context} />
          <div class="account">
            <Line context={context} />
            <IconButton
              icon="tools"
              label="Tools"
              shortcut="i"
              id="tools"
              pressed={openPanel.value !== ""}
              onClick={() => toggleTools(context)}
            />
            <IconButton icon="keys" label="Keys" shortcut="?" id="show-keys" onClick={openKeyboardHelp} />
            <button
              class="quiet small"
              id="sign-out"
              type="button"
              aria-label="Sign out"
              onClick={() => workbench.signOut()}
            >
              <Icon name="leave" />
              <span>Sign out</span>
            </button>
          </div>
        </>
      )}
    </header>
  );
}

/** Opens the tools at the panel that was open last, or closes them. */
export function toggleTools({ openPanel, visibleColumn, isWide }: PanelContext): void {
  const isShown = openPanel.value !== "";
  if (isShown) lastPanel = openPanel.value;
  openPanel.value = isShown ? "" : lastPanel;
  visibleColumn.value = isShown ? "conversation" : "panel";
  if (isShown) isWide.value = false;
}

/** The panel that was open last. */
let lastPanel = "timeline";

/** The state of the selected client's connection, its round trip, and the button that ends or begins it. */
function Line({ context }: { readonly context: PanelContext }) {
  const client = context.workbench.selected.value;
  const { session } = client.state.value;
  if (session.state === "signed_out") return null;
  const { at, words } = statusOf(session);
  const isOpen = session.state === "open";
  const roundTrip = isOpen ? session.roundTrip : undefined;
  return (
    <>
      <p class="status" id="status" role="status" data-at={at} title={words}>
        {words}
      </p>
      {at === "live" && (
        <button
          type="button"
          class="quiet small"
          id="ping"
          title="Measure round trip"
          onClick={() => client.dispatch({ type: "measure" })}
        >
          <Icon name="measure" />
          <span class="unseen">Measure round trip</span>
          <span id="round-trip">
            {roundTrip === undefined ? "Ping" : roundTrip < 1 ? "under 1 ms" : `${roundTrip} ms`}
          </span>
        </button>
      )}
      <IconButton
        icon="plug"
        label={isOpen ? "Disconnect" : "Connect"}
        shortcut="c"
        id={isOpen ? "disconnect" : "connect"}
        pressed={isOpen}
        onClick={() => client.dispatch({ type: isOpen ? "disconnect" : "connect" })}
      />
    </>
  );
}
