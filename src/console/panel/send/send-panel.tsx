// Sending by hand: a form for each frame of the protocol, or any text; saved messages; a series at a rate.
import { effect, signal, untracked } from "@preact/signals";
import type { ComponentType } from "preact";
import { newId } from "../../../client/new-id.ts";
import type { ClientFrameType } from "../../../protocol/client-frames.ts";
import { streamAction } from "../../action/message-actions.ts";
import type { TestClient } from "../../client/test-client.ts";
import { preciseTime } from "../../format.ts";
import { maskTokens, readObject } from "../../wire/frame.ts";
import { monotonicNow } from "../../wire/websocket-tap.ts";
import type { PanelContext } from "../panel.ts";
import { type FieldValues, initialValues, writeFrame } from "./fields.ts";
import { FrameForm, type FrameKind } from "./frame-form.tsx";
import { isAnswered, outcomeOf, type SendOutcome, type SentFrame } from "./outcome.ts";
import { SavedList } from "./saved-list.tsx";
import { SeriesForm } from "./series-form.tsx";
import { createSeriesRunner } from "./series-runner.ts";
import { StreamControls } from "./stream-controls.tsx";
import { type RunningStream, type StreamText, writeStream } from "./stream-writer.ts";
import { fillIn } from "./variables.ts";

/** Most sent texts that are shown, the newest first. */
const MAX_SHOWN = 20;

/** Tokens a second: as fast as one can just read. */
const DEFAULT_TOKEN_RATE = 20;

/** How often the progress of streams is updated, in milliseconds. */
const PROGRESS_INTERVAL_MS = 250;

interface Shown extends SentFrame {
  readonly key: number;
  readonly outcome?: SendOutcome;
}

/** The panel, as its tab uses it. */
export interface SendPanel {
  /** Sends the frame of the form. */
  send(): void;
  readonly View: ComponentType;
}

export function createSendPanel(context: PanelContext): SendPanel {
  const { workbench, frameToEdit } = context;
  const kind = signal<FrameKind>("message");
  const values = signal<FieldValues>(initialValues("message", ""));
  const text = signal(writeFrame("message", values.value));
  /** The values of each form and the text, kept while another panel is open. */
  const typed = new Map<ClientFrameType, FieldValues>();
  let typedText = "";
  const shown = signal<readonly Shown[]>([]);
  const problem = signal("");
  const series = createSeriesRunner(workbench);
  const isStream = signal(false);
  const tokenRate = signal(DEFAULT_TOKEN_RATE);
  const streams = signal<readonly RunningStream[]>([]);
  let sentSoFar = 0;
  /** The conversation that the form was filled with. */
  let filledConversation = "";

  function show(next: ClientFrameType, filledIn: FieldValues): void {
    kind.value = next;
    values.value = filledIn;
    text.value = writeFrame(next, filledIn);
  }

  function showText(next: string): void {
    const before = kind.peek();
    if (before !== "raw") typed.set(before, values.peek());
    kind.value = "raw";
    text.value = next;
  }

  function choose(next: FrameKind): void {
    if (next === "raw") {
      showText(typedText || text.value);
      return;
    }
    if (kind.value === "raw") typedText = text.value;
    else typed.set(kind.value, values.value);
    show(next, typed.get(next) ?? initialValues(next, workbench.selected.peek().current().conversation));
  }

  function setValue(name: string, value: string): void {
    values.value = { ...values.value, [name]: value };
    text.value = writeFrame(kind.value as ClientFrameType, values.value);
  }

  function senders(): readonly TestClient[] {
    return workbench.sendAsAll.value ? workbench.clients.value : [workbench.selected.value];
  }

  function filled(n: number): string {
    return fillIn(text.value, { uuid: newId, now: Date.now(), n });
  }

  function send(): void {
    problem.value = "";
    if (isStream.value && kind.value === "message") {
      for (const client of senders()) void writeAsStream(client, filled(++sentSoFar));
      return;
    }
    for (const client of senders()) {
      const n = ++sentSoFar;
      const filledIn = filled(n);
      const sent: Shown = { key: n, client: client.id, at: monotonicNow(), text: maskTokens(filledIn) };
      if (client.wire.send(filledIn)) shown.value = [sent, ...shown.value].slice(0, MAX_SHOWN);
      else problem.value = `${workbench.nameOf(client.id)} is not connected: connect first.`;
    }
  }

  /** Writes the text of a `message` frame as a stream. */
  async function writeAsStream(client: TestClient, frame: string): Promise<void> {
    const { conversation, ...message } = (readObject(frame) ?? {}) as Partial<StreamText> & {
      readonly conversation?: string;
    };
    const parley = client.parley();
    if (parley === undefined || !client.wire.isOpen() || !conversation || !message.text) {
      problem.value = "A stream needs a connection, a conversation, and a text.";
      return;
    }
    const text: StreamText = { ...message, id: message.id ?? newId(), text: message.text };
    const user = client.user() ?? "";
    await context.actions.perform(
      client,
      streamAction(user, conversation, { ...text, from: user }),
      async () => {
        const stream = writeStream(parley.conversation(conversation), text, tokenRate.value);
        streams.value = [...streams.value, stream];
        client.replyTo.value = undefined;
        const timer = setInterval(() => {
          streams.value = [...streams.value];
        }, PROGRESS_INTERVAL_MS);
        try {
          await stream.ended;
        } finally {
          clearInterval(timer);
          streams.value = streams.value.filter((one) => one !== stream);
        }
      },
    );
  }

  workbench.onFrame((frame) => {
    if (frame.direction === "out") return;
    // The oldest pending one first: the server answers frames without an id in order.
    const index = shown.value.findLastIndex(
      (one) => one.outcome === undefined && outcomeOf(one, frame) !== undefined,
    );
    if (index === -1) return;
    const outcome = outcomeOf(shown.value[index]!, frame)!;
    shown.value = shown.value.map((one, at) => (at === index ? { ...one, outcome } : one));
  });
  effect(() => {
    const edited = frameToEdit.value;
    if (edited === undefined) return;
    untracked(() => showText(edited));
    frameToEdit.value = undefined;
  });
  // The frame is for the conversation that is shown, until the person names another one.
  effect(() => {
    const { conversation } = workbench.selected.value.state.value;
    const before = filledConversation;
    filledConversation = conversation;
    untracked(() => {
      const name = kind.value;
      if (name === "raw" || (values.value.conversation ?? before) !== before) return;
      if ("conversation" in values.value) setValue("conversation", conversation);
      else if ("conversations" in values.value) show(name, initialValues(name, conversation));
    });
  });
  // The message that the person chose to answer.
  effect(() => {
    const answered = workbench.selected.value.replyTo.value;
    untracked(() => {
      if (kind.value === "message") setValue("reply_to", `${answered?.seq ?? ""}`);
    });
  });
  // A typed token must not stay in the page for the next user.
  effect(() => {
    if (!workbench.isSignedOut.value) return;
    typed.clear();
    typedText = "";
    show("message", initialValues("message", ""));
    shown.value = [];
    series.reset();
  });

  function View() {
    const names = senders().map(({ id }) => workbench.nameOf(id));
    return (
      <div class="panel-page send">
        <FrameForm
          kind={kind.value}
          values={values.value}
          text={text.value}
          as={names.length > 3 ? `${names.length} clients` : names.join(", ")}
          problem={problem.value}
          choose={choose}
          setValue={setValue}
          write={showText}
          send={send}
          sendLabel={isStream.value && kind.value === "message" ? "Write stream" : "Send frame"}
        >
          {kind.value === "message" && (
            <StreamControls
              isOn={isStream.value}
              rate={tokenRate.value}
              running={streams.value}
              turn={(isOn) => {
                isStream.value = isOn;
              }}
              setRate={(rate) => {
                tokenRate.value = rate;
              }}
              stop={() => {
                for (const stream of streams.value) stream.stop();
              }}
            />
          )}
        </FrameForm>
        <Outcomes shown={shown.value} nameOf={workbench.nameOf} />
        <SavedList text={text.value} onSelect={showText} />
        <SeriesForm
          progress={series.progress.value}
          conversation={workbench.selected.value.state.value.conversation}
          start={(plan, make) => series.start(senders(), plan, make ?? filled)}
          stop={series.stop}
        />
      </div>
    );
  }

  return { send, View };
}

interface OutcomesProps {
  readonly shown: readonly Shown[];
  nameOf(id: string): string;
}

/** Texts that were sent by hand, each with the server's reply. */
function Outcomes({ shown, nameOf }: OutcomesProps) {
  return (
    <ol class="outcomes" id="outcomes" aria-label="What was sent" aria-live="polite">
      {shown.map(({ key, client, at, text, outcome }) => (
        <li key={key}>
          <span class="fine">
            {preciseTime(at)} {nameOf(client)}
          </span>
          <code>{text.slice(0, 160)}</code>
          <p class={`remark ${outcome?.severity ?? ""}`} data-tone={outcome?.severity ?? "none"}>
            {outcome?.text ?? (isAnswered(text) ? "no answer yet" : "sent; answered only if it is wrong")}
          </p>
        </li>
      ))}
    </ol>
  );
}
