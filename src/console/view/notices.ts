import type { Ending, Line, State } from "../state.ts";
import { duration } from "../wording.ts";
import { button, element, find, setText } from "./element.ts";

export interface NoticeActions {
  stay(): void;
  dismiss(code: string): void;
  /** Tries again at once, or opens again what was closed. */
  reconnect(): void;
}

interface Banner {
  readonly key: string;
  readonly tone: string;
  readonly text: string;
  /** The part that changes by itself; it is not read out again each second. */
  readonly countdown?: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** What the person should know now: warnings, refusals, countdowns, and why the line ended. */
export function noticesView(actions: NoticeActions): (state: State, now: number) => void {
  const area = find("notices", HTMLElement);
  const ending = find("ending", HTMLElement);
  const title = find("ending-title", HTMLElement);
  const text = find("ending-text", HTMLElement);
  const again = find("reconnect", HTMLButtonElement);
  const shown = new Map<
    string,
    { readonly node: HTMLElement; readonly time: HTMLElement; readonly text: string }
  >();
  let ended: Ending | undefined;

  again.addEventListener("click", actions.reconnect);

  function show(banner: Banner): void {
    let there = shown.get(banner.key);
    if (there?.text !== banner.text) {
      there?.node.remove();
      const time = element("span", { class: "countdown", "aria-live": "off" });
      const node = element(
        "div",
        { class: `notice ${banner.tone}` },
        element("p", {}, banner.text, " ", time),
        ...(banner.action ? [button(banner.action.label, "plain small", banner.action.run)] : []),
      );
      node.dataset.code = banner.key;
      there = { node, time, text: banner.text };
      shown.set(banner.key, there);
      area.append(node);
    }
    setText(there.time, banner.countdown ?? "");
  }

  function showEnding(next: Ending | undefined): void {
    ending.hidden = next === undefined;
    if (next !== undefined) {
      setText(title, `Closed: ${next.reason} (${next.code})`);
      setText(text, next.detail === undefined ? next.advice : `${next.detail} ${next.advice}`);
      setText(again, next.remedy === "sign_in" ? "Sign in again" : "Reconnect");
      if (next !== ended) again.focus();
    }
    ended = next;
  }

  return (state, now) => {
    const banners = bannersOf(state, now, actions);
    for (const [key, { node }] of shown) {
      if (banners.some((banner) => banner.key === key)) continue;
      // What had the focus goes away: the person goes on writing, not at the top of the page.
      if (node.contains(document.activeElement)) find("text", HTMLTextAreaElement).focus();
      node.remove();
      shown.delete(key);
    }
    for (const banner of banners) show(banner);
    showEnding(state.session.at === "closed" ? state.session.ending : undefined);
  };
}

function bannersOf(state: State, now: number, actions: NoticeActions): Banner[] {
  const { session, allowance, limitedUntil } = state;
  if (session.at !== "open") return [];
  const banners: Banner[] = state.notices.map(({ code, tone, text }) => {
    return { key: code, tone, text, action: { label: "Dismiss", run: () => actions.dismiss(code) } };
  });
  const away = session.cut === undefined ? [] : [awayBanner(session.line, session.cut, now, actions)];
  banners.push(...away);
  if (session.line.at === "degraded") {
    banners.push({
      key: "degraded",
      tone: "warning",
      text: `The server's store is away: ${session.line.reason}. You still receive; what you write waits here and is sent when it is back.`,
    });
  }
  if (limitedUntil !== undefined && limitedUntil > now) {
    const used =
      allowance === undefined ? "All requests" : `All ${allowance.limit.toLocaleString("en")} requests`;
    banners.push({
      key: "rate_limited",
      tone: "error",
      text: `${used} of this hour are used. You still receive; what you write is sent in`,
      countdown: duration(limitedUntil - now),
    });
  }
  if (session.inactiveAt !== undefined) {
    banners.push({
      key: "inactivity",
      tone: "warning",
      text: "Are you still there? Nothing was done for a while, and the server will close this connection in",
      countdown: duration(session.inactiveAt - now),
      action: { label: "Stay connected", run: actions.stay },
    });
  }
  return banners;
}

/** One banner for all tries, so that it does not come and go with each of them. */
function awayBanner(line: Line, reason: string, now: number, actions: NoticeActions): Banner {
  return {
    key: "away",
    tone: "warning",
    text: `The line is away: ${reason}. What you write is kept, and sent when it`,
    countdown:
      line.at === "waiting" ? `comes back in ${duration(line.until - now)}` : "comes back… trying now",
    action: { label: "Now", run: actions.reconnect },
  };
}
