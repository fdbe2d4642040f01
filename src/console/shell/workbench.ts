// The bench: several clients side by side, what all of their wires carried, and which one is looked at.
import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { NO_FACTS, readServerFacts, type ServerFacts } from "../client/sign-in.ts";
import { createTestClient, type TestClient } from "../client/test-client.ts";
import { type Frame, REFUSED_FAULT, type WireEvent } from "../wire/frame.ts";
import { createFrameAnalyzer, type FrameAnalyzer } from "../wire/frame-analyzer.ts";
import { createFrameLog, type FrameLog } from "../wire/frame-log.ts";
import { monotonicNow } from "../wire/websocket-tap.ts";
import { createRenderScheduler } from "./render-scheduler.ts";

/** How often countdowns move, in milliseconds. */
const COUNTDOWN_INTERVAL_MS = 250;

/** Colours there are for clients; the seventh has the first one's. */
export const CLIENT_COLOR_COUNT = 6;

/** Most clients at once: each is a connection, and the largest plan has 100 of them. */
export const MAX_CLIENTS = 100;

/** Everything the page holds. Views and panels read the signals and call the functions; they keep nothing of it. */
export interface Workbench {
  readonly clients: ReadonlySignal<readonly TestClient[]>;
  /** The one whose conversation is shown; there is always one, be it signed out. */
  readonly selected: ReadonlySignal<TestClient>;
  /** Nobody is signed in: there is nothing to show but the door. */
  readonly isSignedOut: ReadonlySignal<boolean>;
  readonly facts: ReadonlySignal<ServerFacts>;
  /** The moment that countdowns count from, in milliseconds since 1970. */
  readonly now: ReadonlySignal<number>;
  readonly frames: FrameLog;
  /** Changes when `frames` has. */
  readonly framesChanged: ReadonlySignal<number>;
  /** Whether what is written is said by every client that is connected. */
  readonly sendAsAll: Signal<boolean>;
  /** Calls `listener` with each frame as it is seen, until the function that is answered is called. */
  onFrame(listener: (frame: Frame) => void): () => void;
  /** Notes what is done to a client's line now, for the timeline. */
  recordFault(client: TestClient, type: string, text: string): void;
  /** Notes that the last of them was not done, and why. */
  recordRefusedFault(client: TestClient, problem: string): void;
  /** Puts what was seen elsewhere into the timeline, in order; nobody else is told of it. */
  showEvents(seen: readonly WireEvent[]): void;
  /** What a client is called, also one that is gone. */
  nameOf(id: string): string;
  /** The colour of a client, also of one that is gone. */
  colorIndexOf(id: string): number;
  select(id: string): void;
  /** A new client, signed out and selected. Answers undefined when there are as many as there may be. */
  add(): TestClient | undefined;
  /** Another client of the same user in the same conversation, connected if the first one is. */
  duplicate(client: TestClient): TestClient | undefined;
  /** Takes a client away. The last one is signed out instead. */
  drop(client: TestClient): void;
  /** Signs everybody out and forgets all that was seen. */
  signOut(): void;
  /** Says `text` as the selected client, or as all that are connected. */
  send(text: string): void;
  clearFrames(): void;
}

/** Begins with one client, signed out, that will talk in `conversation`. */
export function createWorkbench(conversation: string): Workbench {
  const scheduler = createRenderScheduler();
  const frames = createFrameLog();
  const framesChanged = signal(0);
  const listeners = new Set<(frame: Frame) => void>();
  /** Every client there ever was, for the names of old frames. */
  const known = new Map<string, TestClient>();
  const nameOf = createNames(known);
  let made = 0;

  function log(seen: WireEvent, notes: Frame["annotations"]): Frame {
    const frame = frames.add(seen, notes);
    for (const listener of [...listeners]) listener(frame);
    scheduler.schedule(showFrames);
    return frame;
  }

  function showFrames(): void {
    framesChanged.value++;
    // A countdown that a frame has begun must not be measured from the last look at the clock.
    now.value = monotonicNow();
  }

  function createClient(conversation: string): TestClient {
    const number = ++made;
    const client: TestClient = createTestClient({
      id: `c${number}`,
      colorIndex: (number - 1) % CLIENT_COLOR_COUNT,
      conversation,
      scheduler,
      log,
      isShared: (login) => clients.value.some((other) => other !== client && other.login() === login),
    });
    known.set(client.id, client);
    return client;
  }

  const clients = signal<readonly TestClient[]>([]);
  clients.value = [createClient(conversation)];
  const selectedId = signal(clients.value[0]!.id);
  const selected = computed(() => {
    return clients.value.find(({ id }) => id === selectedId.value) ?? clients.value[0]!;
  });
  const facts = signal(NO_FACTS);
  const now = signal(monotonicNow());
  const sendAsAll = signal(false);

  void readServerFacts().then((read) => {
    facts.value = read;
  });
  setInterval(() => {
    now.value = monotonicNow();
  }, COUNTDOWN_INTERVAL_MS);

  function join(client: TestClient): TestClient {
    clients.value = [...clients.value, client];
    selectedId.value = client.id;
    return client;
  }

  function drop(client: TestClient): void {
    if (clients.value.length === 1) {
      client.dispatch({ type: "sign_out" });
      return;
    }
    const index = clients.value.indexOf(client);
    client.drop();
    clients.value = clients.value.filter((other) => other !== client);
    if (selectedId.value === client.id)
      selectedId.value = clients.value[Math.min(index, clients.value.length - 1)]!.id;
  }

  return {
    clients,
    selected,
    isSignedOut: computed(
      () => clients.value.length === 1 && selected.value.state.value.session.state === "signed_out",
    ),
    facts,
    now,
    frames,
    framesChanged,
    sendAsAll,
    onFrame(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    recordFault(client, type, text) {
      log({ client: client.id, at: monotonicNow(), direction: "fault", type, bytes: 0, text }, { marks: [] });
    },
    recordRefusedFault(client, problem) {
      const seen = { client: client.id, at: monotonicNow(), bytes: 0, text: problem } as const;
      const marks = [{ kind: "refused", severity: "error", text: problem }] as const;
      log({ ...seen, direction: "fault", type: REFUSED_FAULT }, { marks });
    },
    showEvents(all) {
      const analyzers = new Map<string, FrameAnalyzer>();
      for (const seen of all) {
        const analyzer = analyzers.get(seen.client) ?? createFrameAnalyzer();
        analyzers.set(seen.client, analyzer);
        frames.add(seen, analyzer.analyze(seen));
      }
      scheduler.schedule(showFrames);
    },
    nameOf,
    colorIndexOf: (id) => known.get(id)?.colorIndex ?? 0,
    select(id) {
      selectedId.value = id;
    },
    add: () =>
      clients.value.length < MAX_CLIENTS
        ? join(createClient(selected.value.current().conversation))
        : undefined,
    duplicate(client) {
      const { session, conversation: same } = client.current();
      const login = client.login();
      if (clients.value.length >= MAX_CLIENTS || session.state === "signed_out" || login === undefined)
        return undefined;
      const twin = createClient(same);
      twin.useLogin(session.user, login);
      if (session.state === "open") twin.connect();
      // Else it would be seen at the door for a moment, which takes the focus.
      scheduler.flush();
      return join(twin);
    },
    drop,
    signOut() {
      const [first, ...others] = clients.value;
      for (const client of others) drop(client);
      first!.givenName.value = "";
      first!.draft.value = "";
      first!.dispatch({ type: "sign_out" });
      sendAsAll.value = false;
      frames.clear();
      showFrames();
      scheduler.flush();
    },
    send(text) {
      const senders = sendAsAll.value
        ? clients.value.filter((client) => client.current().session.state === "open")
        : [selected.value];
      for (const client of senders) client.send(text);
    },
    clearFrames() {
      frames.clear();
      showFrames();
    },
  };
}

/** Calls clients by their user as long as nobody named them; a second one of the same user is told apart by a number. */
function createNames(known: ReadonlyMap<string, TestClient>): (id: string) => string {
  /** Once given a name stays, so that a frame of a client that is gone is not taken for another's. */
  const given = new Map<string, { readonly user: string; readonly name: string }>();

  return (id) => {
    const client = known.get(id);
    if (client === undefined) return id;
    const { session, transcriptOf } = client.state.value;
    const user = session.state === "signed_out" ? transcriptOf?.user : session.user;
    const before = given.get(id);
    if (client.givenName.value !== "") return client.givenName.value;
    if (user === undefined || before?.user === user) return before?.name ?? "new client";
    const taken = new Set([...given.values()].map(({ name }) => name));
    let name = user;
    for (let number = 2; taken.has(name); number++) name = `${user} (${number})`;
    given.set(id, { user, name });
    return name;
  };
}
