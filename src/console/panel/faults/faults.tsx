// Making bad things happen to a client on purpose: what a page can do it does by its own sockets, the rest is asked of the server.
import { effect, type Signal, signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { statusOf } from "../../view/status.ts";
import { SERVER_FRAME_TYPES } from "../../wire/frame-types.ts";
import { moment } from "../../wire/tap.ts";
import { preciseTime } from "../../wording.ts";
import type { Desk, Panel } from "../panel.ts";
import { type Action, createActions } from "./actions.ts";
import { FaultRow } from "./fault-row.tsx";
import { begin, hear, type Outcome, remark } from "./outcomes.ts";
import { closeChoices, createSettings } from "./settings.ts";

export function createFaults(desk: Desk): Panel {
  const { bench, keys } = desk;
  const settings = createSettings();
  const groups = createActions(bench, settings);
  const actions = groups.flatMap((group) => group.actions);
  const outcomes = signal<readonly Outcome[]>([]);

  bench.onFrame((frame) => {
    outcomes.value = hear(outcomes.peek(), frame);
  });
  // What happened to one who has gone is nothing to the next.
  effect(() => {
    if (bench.isEmpty.value) outcomes.value = [];
  });

  /** Why a fault cannot be made on the selected client now. */
  function obstacleTo({ needs }: Action): string | undefined {
    const { session } = bench.selected.value.state.value;
    if (session.at === "signed_out") return "Sign this client in first.";
    if (needs === "login") return undefined;
    if (needs === "server" && !bench.facts.value.faults) return "The server makes no faults on request.";
    return statusOf(session).at === "live" || bench.selected.value.wire.isOpen()
      ? undefined
      : "Connect this client first.";
  }

  async function make(action: Action): Promise<void> {
    const client = bench.selected.value;
    outcomes.value = begin(outcomes.value, client.id, action.title, moment());
    const problem = obstacleTo(action) ?? (await action.run(client));
    if (problem === undefined) return;
    outcomes.value = remark(outcomes.value, client.id, { tone: "error", words: problem });
  }

  const fields: Readonly<Record<string, () => ComponentChildren>> = {
    freeze: () => <Amount label="Seconds" id="freeze-seconds" value={settings.freeze} unit="s" />,
    delay: () => <Amount label="Milliseconds" id="delay-milliseconds" value={settings.delay} unit="ms" />,
    lose: () => (
      <>
        <Amount label="How many" id="lose-count" value={settings.count} unit="×" />
        <select
          aria-label="Type of frame"
          id="lose-type"
          value={settings.lose.value}
          onChange={(event) => {
            settings.lose.value = event.currentTarget.value;
          }}
        >
          {SERVER_FRAME_TYPES.filter((type) => type !== "welcome").map((type) => (
            <option key={type}>{type}</option>
          ))}
        </select>
      </>
    ),
    close: () => (
      <select
        aria-label="Close code"
        id="close-code"
        value={settings.code.value}
        onChange={(event) => {
          settings.code.value = event.currentTarget.value;
        }}
      >
        {closeChoices().map(([code, reason]) => (
          <option key={code} value={code}>{`${code} ${reason}`}</option>
        ))}
      </select>
    ),
  };

  function View() {
    useEffect(
      () =>
        keys.add(
          actions.map((action) => ({
            key: action.key,
            label: action.title,
            group: "Faults",
            run: () => void make(action),
          })),
        ),
      [],
    );
    const client = bench.selected.value;
    const status = statusOf(client.state.value.session);
    return (
      <>
        <div class="panel-page faults">
          <p class="fault-target">
            <span class={`swatch tone-${client.tone}`} aria-hidden="true" />
            <strong>{bench.nameOf(client.id)}</strong>
            <span class="status" data-at={status.at}>
              {status.words}
            </span>
          </p>
          {!bench.facts.value.faults && <SwitchedOff />}
          <div class="fault-groups">
            {groups.map((group) => (
              <section key={group.title} aria-label={group.title}>
                <h2>{group.title}</h2>
                <ul>
                  {group.actions.map((action) => (
                    <FaultRow
                      key={action.name}
                      action={action}
                      obstacle={obstacleTo(action)}
                      run={() => void make(action)}
                    >
                      {fields[action.name]?.()}
                    </FaultRow>
                  ))}
                </ul>
              </section>
            ))}
          </div>
        </div>
        <Outcomes outcomes={outcomes.value} nameOf={bench.nameOf} />
      </>
    );
  }

  return { name: "faults", title: "Faults", key: "f", View };
}

/** What most of the panel waits for. */
function SwitchedOff() {
  return (
    <p class="switched-off" id="faults-off">
      This server makes no faults on request, and a page cannot cut, freeze or delay its own lines. Start it,
      on this machine, with <code>TEST_FAULTS=true npm start</code> for all that is dimmed here.
    </p>
  );
}

interface AmountProps {
  readonly label: string;
  readonly id: string;
  readonly value: Signal<string>;
  readonly unit: string;
}

function Amount({ label, id, value, unit }: AmountProps) {
  return (
    <span class="amount">
      <input
        aria-label={label}
        id={id}
        inputMode="decimal"
        autocomplete="off"
        value={value.value}
        onInput={(event) => {
          value.value = event.currentTarget.value;
        }}
      />
      {unit}
    </span>
  );
}

interface OutcomesProps {
  readonly outcomes: readonly Outcome[];
  nameOf(id: string): string;
}

/** The last faults, each with what was seen after it. */
function Outcomes({ outcomes, nameOf }: OutcomesProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must do so by the keyboard, too
    <section class="came-of-it" aria-label="What came of it" tabIndex={0}>
      {outcomes.length === 0 && (
        <p class="fine">What comes of a fault is said here, and stands on the timeline.</p>
      )}
      <ol class="outcomes" id="fault-outcomes" aria-live="polite">
        {outcomes.map(({ key, client, at, title, seen }) => (
          <li key={key}>
            <span class="fine">
              {preciseTime(at)} {nameOf(client)}
            </span>
            <strong>{title}</strong>
            {seen.length === 0 && <p class="remark">Nothing was seen of it yet.</p>}
            {seen.map(({ tone, words }) => (
              <p key={words} class={`remark ${tone}`} data-tone={tone}>
                {words}
              </p>
            ))}
          </li>
        ))}
      </ol>
    </section>
  );
}
