// Injects faults on a client: some with the page's own sockets, the others through requests to the server.
import { effect, type Signal, signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { preciseTime } from "../../format.ts";
import { statusOf } from "../../view/status.ts";
import { SERVER_FRAME_TYPES } from "../../wire/frame-types.ts";
import { monotonicNow } from "../../wire/websocket-tap.ts";
import type { Panel, PanelContext } from "../panel.ts";
import { createFaultActions, type FaultAction } from "./actions.ts";
import { FaultRow } from "./fault-row.tsx";
import { addNote, addOutcome, type FaultOutcome, onFrame } from "./outcomes.ts";
import { closeChoices, createFaultSettings } from "./settings.ts";

export function createFaults(context: PanelContext): Panel {
  const { workbench, keys } = context;
  const settings = createFaultSettings();
  const groups = createFaultActions(workbench, settings);
  const actions = groups.flatMap((group) => group.actions);
  const outcomes = signal<readonly FaultOutcome[]>([]);

  workbench.onFrame((frame) => {
    outcomes.value = onFrame(outcomes.peek(), frame);
  });
  // The outcomes belong to the users of the last session.
  effect(() => {
    if (workbench.isSignedOut.value) outcomes.value = [];
  });

  /** Returns why a fault is not possible on the selected client now. */
  function obstacleTo({ needs, inConversation = false }: FaultAction): string | undefined {
    const client = workbench.selected.value;
    const { session } = client.state.value;
    if (session.state === "signed_out") return "Sign this client in first.";
    if (needs === "login") return undefined;
    if (needs === "server" && !workbench.facts.value.faults) return "The server makes no faults on request.";
    if (client.state.value.conversation === "" && inConversation) return "Open a conversation first.";
    return statusOf(session).at === "live" || workbench.selected.value.wire.isOpen()
      ? undefined
      : "Connect this client first.";
  }

  async function runAction(action: FaultAction): Promise<void> {
    const client = workbench.selected.value;
    outcomes.value = addOutcome(outcomes.value, client.id, action.title, monotonicNow());
    const problem = obstacleTo(action) ?? (await action.run(client));
    if (problem === undefined) return;
    outcomes.value = addNote(outcomes.value, client.id, { severity: "error", text: problem });
  }

  const fields: Readonly<Record<string, () => ComponentChildren>> = {
    freeze: () => <Amount label="Seconds" id="freeze-seconds" value={settings.freeze} unit="s" />,
    "freeze-writer": () => (
      <Amount
        label="Seconds that the writer is frozen"
        id="freeze-writer-seconds"
        value={settings.freezeWriter}
        unit="s"
      />
    ),
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
            run: () => void runAction(action),
          })),
        ),
      [],
    );
    const client = workbench.selected.value;
    const status = statusOf(client.state.value.session);
    return (
      <>
        <div class="panel-page faults">
          <p class="fault-target">
            <span class={`swatch tone-${client.colorIndex}`} aria-hidden="true" />
            <strong>{workbench.nameOf(client.id)}</strong>
            <span class="status" data-at={status.at}>
              {status.words}
            </span>
          </p>
          {!workbench.facts.value.faults && <SwitchedOff />}
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
                      run={() => void runAction(action)}
                    >
                      {fields[action.name]?.()}
                    </FaultRow>
                  ))}
                </ul>
              </section>
            ))}
          </div>
        </div>
        <Outcomes outcomes={outcomes.value} nameOf={workbench.nameOf} />
      </>
    );
  }

  return { name: "faults", title: "Faults", key: "f", View };
}

/** Explains how to enable the other faults. */
function SwitchedOff() {
  return (
    <p class="switched-off" id="faults-off">
      This server does not inject faults, and a page cannot cut, freeze or delay its own connections. Start
      it, on this machine, with <code>TEST_FAULTS=true npm start</code> for all that is dimmed here.
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
  readonly outcomes: readonly FaultOutcome[];
  nameOf(id: string): string;
}

/** The last faults, each with its effects. */
function Outcomes({ outcomes, nameOf }: OutcomesProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it must be scrollable with the keyboard, too
    <section class="fault-outcomes" aria-label="Outcomes" tabIndex={0}>
      {outcomes.length === 0 && <p class="fine">The effects of a fault appear here and on the timeline.</p>}
      <ol class="outcomes" id="fault-outcomes" aria-live="polite">
        {outcomes.map(({ key, client, at, title, notes }) => (
          <li key={key}>
            <span class="fine">
              {preciseTime(at)} {nameOf(client)}
            </span>
            <strong>{title}</strong>
            {notes.length === 0 && <p class="remark">No effects yet.</p>}
            {notes.map(({ severity, text }) => (
              <p key={text} class={`remark ${severity}`} data-tone={severity}>
                {text}
              </p>
            ))}
          </li>
        ))}
      </ol>
    </section>
  );
}
