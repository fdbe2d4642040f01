import { useLayoutEffect, useRef } from "preact/hooks";
import type { Bench } from "../bench.ts";
import type { BenchClient } from "../bench-client.ts";
import type { Ending, Line, State } from "../state.ts";
import { duration } from "../wording.ts";

interface Banner {
  readonly key: string;
  readonly tone: string;
  readonly text: string;
  /** The part that changes by itself; it is not read out again each second. */
  readonly countdown?: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

interface NoticesProps {
  readonly client: BenchClient;
  readonly bench: Bench;
}

/** What the person should know now: warnings, refusals, countdowns, and why the line ended. */
export function Notices({ client, bench }: NoticesProps) {
  const state = client.state.value;
  return (
    <>
      <div class="notices" id="notices" role="alert">
        {/* A text that is another one is another node, so that it is read out. */}
        {bannersOf(state, bench, client).map((banner) => (
          <Notice key={`${banner.key} ${banner.text}`} banner={banner} />
        ))}
      </div>
      {state.session.at === "closed" && <End ending={state.session.ending} client={client} />}
    </>
  );
}

function Notice({ banner }: { readonly banner: Banner }) {
  const { key, tone, text, countdown = "", action } = banner;
  const node = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const shown = node.current;
    return () => {
      // What had the focus goes away: the person goes on writing, not at the top of the page.
      if (shown?.contains(document.activeElement)) document.getElementById("text")?.focus();
    };
  }, []);
  return (
    <div class={`notice ${tone}`} data-code={key} ref={node}>
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

function End({ ending, client }: { readonly ending: Ending; readonly client: BenchClient }) {
  const again = useRef<HTMLButtonElement>(null);
  const { reason, code, detail, advice, remedy } = ending;
  useLayoutEffect(() => {
    if (isIdle(document.activeElement)) again.current!.focus();
  }, [ending]);
  return (
    <section class="ending" id="ending" aria-labelledby="ending-title">
      <div role="alert">
        <h2 id="ending-title">{`Closed: ${reason} (${code})`}</h2>
        <p id="ending-text">{detail === undefined ? advice : `${detail} ${advice}`}</p>
      </div>
      <button class="primary" id="reconnect" type="button" ref={again} onClick={() => client.connect()}>
        {remedy === "sign_in" ? "Sign in again" : "Reconnect"}
      </button>
    </section>
  );
}

/** Nobody is at work there: the focus may go where the next step is. A space that is typed must not press a button. */
function isIdle(focused: Element | null): boolean {
  if (focused === null || focused === document.body) return true;
  return (
    focused.closest(".talk") !== null && !(focused instanceof HTMLTextAreaElement && focused.value !== "")
  );
}

function bannersOf(state: State, bench: Bench, client: BenchClient): Banner[] {
  const { session, allowance, limitedUntil } = state;
  if (session.at !== "open") return [];
  const banners: Banner[] = state.notices.map(({ code, tone, text }) => {
    const run = () => client.happen({ type: "dismiss", code });
    return { key: code, tone, text, action: { label: "Dismiss", run } };
  });
  if (session.cut !== undefined)
    banners.push(awayBanner(session.line, session.cut, bench, () => client.connect()));
  if (session.line.state === "degraded") {
    banners.push({
      key: "degraded",
      tone: "warning",
      text: `The server's store is away: ${session.line.reason}. You still receive; what you write waits here and is sent when it is back.`,
    });
  }
  if (limitedUntil !== undefined && limitedUntil > bench.now.value) {
    const used = !allowance ? "All requests" : `All ${allowance.limit.toLocaleString("en")} requests`;
    banners.push({
      key: "rate_limited",
      tone: "error",
      text: `${used} of this hour are used. You still receive; what you write is sent in`,
      countdown: duration(limitedUntil - bench.now.value),
    });
  }
  if (session.inactiveAt !== undefined) {
    banners.push({
      key: "inactivity",
      tone: "warning",
      text: "Are you still there? Nothing was done for a while, and the server will close this connection in",
      countdown: duration(session.inactiveAt - bench.now.value),
      action: { label: "Stay connected", run: () => client.happen({ type: "stay" }) },
    });
  }
  return banners;
}

/** One banner for all tries, so that it does not come and go with each of them. */
function awayBanner(line: Line, reason: string, bench: Bench, run: () => void): Banner {
  return {
    key: "away",
    tone: "warning",
    text: `The line is away: ${reason}. What you write is kept, and sent when it`,
    countdown:
      line.state === "waiting"
        ? `comes back in ${duration(line.until - bench.now.value)}`
        : "comes back… trying now",
    action: { label: "Now", run },
  };
}
