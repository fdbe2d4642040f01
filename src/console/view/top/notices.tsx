import { useLayoutEffect, useRef } from "preact/hooks";
import type { CloseInfo, LineStatus, State } from "../../client/state.ts";
import type { TestClient } from "../../client/test-client.ts";
import { formatDuration } from "../../format.ts";
import type { Workbench } from "../../shell/workbench.ts";

interface Banner {
  readonly key: string;
  readonly severity: string;
  readonly text: string;
  /** The part that changes over time; screen readers do not repeat it each second. */
  readonly countdown?: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

interface NoticesProps {
  readonly client: TestClient;
  readonly workbench: Workbench;
}

/** The current notices of a client's connection: warnings, errors, countdowns, and why the connection was closed. */
export function Notices({ client, workbench }: NoticesProps) {
  const state = client.state.value;
  return (
    <aside aria-label="Notices">
      <div class="notices" id="notices" role="alert">
        {/* A text that is another one is another node, so that it is read out. */}
        {bannersOf(state, workbench, client).map((banner) => (
          <Notice key={`${banner.key} ${banner.text}`} banner={banner} />
        ))}
      </div>
      {state.session.state === "closed" && (
        <ClosedNotice closeInfo={state.session.closeInfo} client={client} />
      )}
    </aside>
  );
}

function Notice({ banner }: { readonly banner: Banner }) {
  const { key, severity, text, countdown = "", action } = banner;
  const node = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const shown = node.current;
    return () => {
      // The focused button is removed: move the focus to the composer, not to the top of the page.
      if (shown?.contains(document.activeElement)) document.getElementById("text")?.focus();
    };
  }, []);
  return (
    <div class={`notice ${severity}`} data-code={key} ref={node}>
      <p>
        {text}{" "}
        <span class="countdown" aria-live="off">
          {countdown}
        </span>
      </p>
      {action && (
        <button type="button" class="plain small" onClick={action.run}>
          {action.label}
        </button>
      )}
    </div>
  );
}

function ClosedNotice({ closeInfo, client }: { readonly closeInfo: CloseInfo; readonly client: TestClient }) {
  const again = useRef<HTMLButtonElement>(null);
  const { reason, code, detail, advice, remedy } = closeInfo;
  useLayoutEffect(() => {
    if (isIdle(document.activeElement)) again.current!.focus();
  }, [closeInfo]);
  return (
    <section class="ending" id="ending" aria-labelledby="ending-title">
      <div role="alert">
        <h2 id="ending-title">{`Closed: ${reason} (${code})`}</h2>
        <p id="ending-text">{detail === undefined ? advice : `${detail} ${advice}`}</p>
      </div>
      <button
        class="primary"
        id="reconnect"
        type="button"
        ref={again}
        onClick={() => client.dispatch({ type: "connect" })}
      >
        {remedy === "sign_in" ? "Sign in again" : "Reconnect"}
      </button>
    </section>
  );
}

/** Whether the focus may move to the next step: not while the person types, because a typed space must not press a button. */
function isIdle(focused: Element | null): boolean {
  if (focused === null || focused === document.body) return true;
  return (
    focused.closest(".conversation, .bar, aside") !== null &&
    !(focused instanceof HTMLTextAreaElement && focused.value !== "")
  );
}

function bannersOf(state: State, workbench: Workbench, client: TestClient): Banner[] {
  const { session, usage, limitedUntil } = state;
  if (session.state === "signed_in") {
    const run = () => client.dispatch({ type: "connect" });
    const text = "You are not connected: nothing is received, and what you write is not sent.";
    return [{ key: "offline", severity: "info", text, action: { label: "Connect", run } }];
  }
  if (session.state !== "open") return [];
  const banners: Banner[] = state.notices.map(({ code, severity, text }) => {
    const run = () => client.dispatch({ type: "dismiss", code });
    return { key: code, severity, text, action: { label: "Dismiss", run } };
  });
  if (session.outage !== undefined && session.connection.state !== "degraded")
    banners.push(
      outageBanner(session.connection, session.outage, workbench, () => client.dispatch({ type: "connect" })),
    );
  if (session.connection.state === "degraded") {
    banners.push({
      key: "degraded",
      severity: "warning",
      text: `The server's store is unavailable: ${session.connection.reason}. You still receive messages; yours wait, and are sent when it is available again.`,
    });
  }
  if (limitedUntil !== undefined && limitedUntil > workbench.now.value) {
    const used = !usage ? "All requests" : `All ${usage.limit.toLocaleString("en")} requests`;
    banners.push({
      key: "rate_limited",
      severity: "error",
      text: `${used} of this hour are used. You still receive messages; yours are sent in`,
      countdown: formatDuration(limitedUntil - workbench.now.value),
    });
  }
  if (session.inactiveAt !== undefined) {
    banners.push({
      key: "inactivity",
      severity: "warning",
      text: "Are you still there? There was no activity for a while, and the server will close this connection in",
      countdown: formatDuration(session.inactiveAt - workbench.now.value),
      action: { label: "Stay connected", run: () => client.dispatch({ type: "stay" }) },
    });
  }
  return banners;
}

/** One banner for all attempts, so that it does not flicker. */
function outageBanner(connection: LineStatus, reason: string, workbench: Workbench, run: () => void): Banner {
  return {
    key: "away",
    severity: "warning",
    text: `Disconnected: ${reason}. Your messages are kept, and sent when the page reconnects`,
    countdown:
      connection.state === "waiting"
        ? `in ${formatDuration(connection.until - workbench.now.value)}`
        : "… connecting now",
    action: { label: "Now", run },
  };
}
