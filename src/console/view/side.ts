import type { Allowance, State } from "../state.ts";
import { clockTime, duration } from "../wording.ts";
import { avatar } from "./avatar.ts";
import { element, find, setText } from "./element.ts";

/** From this part of the limit on, the meter warns by its colour. */
const LOW = 0.75;

/** The cards beside the conversation: the quota that moves, who is here, and facts about the line. */
export function sideView(measure: () => void): (state: State, now: number) => void {
  const figure = find("quota-figure", HTMLElement);
  const meter = find("quota-meter", HTMLMeterElement);
  const track = find("quota-track", HTMLElement);
  const bar = find("quota-bar", HTMLElement);
  const quotaText = find("quota-text", HTMLElement);
  const people = find("people", HTMLElement);
  const nobody = find("people-none", HTMLElement);
  const facts = find("facts", HTMLElement);
  const ping = find("ping", HTMLButtonElement);
  let shownPeople: unknown;
  let shownFacts = "";
  ping.addEventListener("click", measure);

  function showQuota(allowance: Allowance | undefined, now: number): void {
    const metered = allowance !== undefined && allowance.limit > 0;
    meter.hidden = !metered;
    track.hidden = !metered;
    if (!metered) {
      setText(figure, allowance === undefined ? "–" : "No limit");
      setText(
        quotaText,
        allowance === undefined ? "Shown when you are connected." : "This plan is not metered.",
      );
      return;
    }
    const { limit, remaining, fullAt } = allowance;
    const used = limit - remaining;
    meter.max = limit;
    meter.value = used;
    // Set through the object model, which the Content-Security-Policy allows; a style attribute it does not.
    bar.style.width = `${(used / limit) * 100}%`;
    bar.dataset.level = remaining === 0 ? "out" : used >= limit * LOW ? "low" : "fine";
    setText(figure, `${remaining.toLocaleString("en")} left`);
    const full = fullAt > now ? ` All are back at ${clockTime(fullAt)} if you send nothing more.` : "";
    setText(quotaText, `${used.toLocaleString("en")} of ${limit.toLocaleString("en")} used.${full}`);
  }

  function showPeople({ session }: State): void {
    const members = session.at === "open" ? session.members : [];
    nobody.hidden = session.at === "open";
    if (members === shownPeople) return;
    shownPeople = members;
    const me = session.at === "open" ? session.user : "";
    people.replaceChildren(
      ...[...members]
        .sort((a, b) => a.since - b.since)
        .map(({ user, since }) => {
          const name = element("span", { class: "name" }, user === me ? `${user} (you)` : user);
          const time = element("span", { class: "fine", title: "Here since" }, clockTime(since));
          return element("li", {}, avatar(user), name, time);
        }),
    );
  }

  function showFacts({ session, transcript }: State): void {
    const terms = session.at === "open" ? session.terms : undefined;
    ping.hidden = terms === undefined;
    const rows: [string, string][] = [];
    if (session.at === "open" && terms !== undefined) {
      const { timeout } = terms.inactivity;
      rows.push(["Plan", terms.plan]);
      rows.push(["Newest message", transcript.newest === 0 ? "none" : `#${transcript.newest}`]);
      rows.push(["Closes when idle", timeout > 0 ? `after ${wholeTime(timeout)}` : "never"]);
      if (session.roundTrip !== undefined)
        rows.push(["Round trip", session.roundTrip < 1 ? "under 1 ms" : `${session.roundTrip} ms`]);
    } else {
      rows.push(["State", session.at === "closed" ? `closed, ${session.ending.code}` : "not connected"]);
    }
    const print = JSON.stringify(rows);
    if (print === shownFacts) return;
    shownFacts = print;
    facts.replaceChildren(
      ...rows.flatMap(([term, value]) => [element("dt", {}, term), element("dd", {}, value)]),
    );
  }

  return (state, now) => {
    showQuota(state.allowance, now);
    showPeople(state);
    showFacts(state);
  };
}

/** `5 min` for a setting of 300 seconds, where a countdown would say `5:00 min`. */
function wholeTime(seconds: number): string {
  return seconds >= 60 && seconds % 60 === 0 ? `${seconds / 60} min` : duration(seconds * 1000);
}
