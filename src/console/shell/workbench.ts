// The workbench: several test clients, the frames of all of them, and the selected client.
import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type Login, NO_FACTS, readServerFacts, resumeLogin, type ServerFacts } from "../client/sign-in.ts";
import { createTestClient, type TestClient } from "../client/test-client.ts";
import type { LocalStore } from "../local-storage.ts";
import { type Frame, REFUSED_FAULT, type WireEvent } from "../wire/frame.ts";
import { createFrameAnalyzer, type FrameAnalyzer } from "../wire/frame-analyzer.ts";
import { createFrameLog, type FrameLog } from "../wire/frame-log.ts";
import { monotonicNow } from "../wire/websocket-tap.ts";
import { keepUsers, readKeptUsers } from "./kept-users.ts";
import { createRenderScheduler } from "./render-scheduler.ts";
import { createNames } from "./workbench-names.ts";

/** How often countdowns are updated, in milliseconds. */
const COUNTDOWN_INTERVAL_MS = 250;

/** Number of client colours; the seventh client has the colour of the first. */
export const CLIENT_COLOR_COUNT = 6;

/** Most clients at once: each is a connection, and the largest plan allows 100. */
export const MAX_CLIENTS = 100;

/** The state of the page. Views and panels read the signals and call the functions; they store nothing themselves. */
export interface Workbench {
  readonly clients: ReadonlySignal<readonly TestClient[]>;
  /** The client whose conversation is shown; there is always one, signed in or not. */
  readonly selected: ReadonlySignal<TestClient>;
  /** Whether no client is signed in: only the sign-in is shown. */
  readonly isSignedOut: ReadonlySignal<boolean>;
  /** Whether the sessions of before a reload are being asked for. */
  readonly isResuming: ReadonlySignal<boolean>;
  readonly facts: ReadonlySignal<ServerFacts>;
  /** The current time for countdowns, in milliseconds since 1970. */
  readonly now: ReadonlySignal<number>;
  readonly frames: FrameLog;
  /** Changes whenever `frames` changes. */
  readonly framesChanged: ReadonlySignal<number>;
  /** Whether messages are sent as all connected clients. */
  readonly sendAsAll: Signal<boolean>;
  /** Calls `listener` with each frame. Returns a function that unsubscribes. */
  onFrame(listener: (frame: Frame) => void): () => void;
  /** Adds a fault on a client's connection to the timeline. */
  recordFault(client: TestClient, type: string, text: string): void;
  /** Adds the rejection of the last fault, with its reason. */
  recordRefusedFault(client: TestClient, problem: string): void;
  /** Adds frames from elsewhere to the timeline, in order, without calling listeners. */
  showEvents(seen: readonly WireEvent[]): void;
  /** Returns the name of a client, including removed ones. */
  nameOf(id: string): string;
  /** Returns the colour of a client, including removed ones. */
  colorIndexOf(id: string): number;
  select(id: string): void;
  /** Adds a client, signed out and selected. Returns undefined if the limit is reached. */
  add(): TestClient | undefined;
  /** Adds a client with the same user and conversation, connected if the first one is. */
  duplicate(client: TestClient): TestClient | undefined;
  /** Removes a client. The last one is signed out instead. */
  drop(client: TestClient): void;
  /** Signs out all clients and clears the log. */
  signOut(): void;
  /** Sends `text` as the selected client, or as all connected clients. */
  send(text: string): void;
  clearFrames(): void;
}

/** Creates a workbench with one client for `conversation`, and with the users of before a reload, whose names are in `store`. */
export function createWorkbench(conversation: string, store: LocalStore): Workbench {
  const scheduler = createRenderScheduler();
  const frames = createFrameLog();
  const framesChanged = signal(0);
  const listeners = new Set<(frame: Frame) => void>();
  /** All clients, including removed ones, for the names of old frames. */
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
    // A countdown that a frame starts must count from the frame, not from the last update of the clock.
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
      onLogin: saveUsers,
    });
    known.set(client.id, client);
    return client;
  }

  /** Keeps the names of the users whose sessions a reload can resume. */
  function saveUsers(): void {
    if (isResuming.peek()) return;
    const kept = clients.peek().filter((client) => client.login()?.isKept === true);
    keepUsers(
      store,
      kept.map((client) => client.user()!),
    );
  }

  async function resume(users: readonly string[]): Promise<void> {
    const logins = await Promise.all(users.map(resumeLogin));
    const resumed = users.flatMap((user, index): [string, Login][] =>
      logins[index] === undefined ? [] : [[user, logins[index]]],
    );
    const [first] = clients.value;
    for (const [user, login] of resumed) {
      const isFirst = first!.login() === undefined;
      const client = isFirst ? first! : createClient("");
      client.useLogin(user, login);
      if (!isFirst) clients.value = [...clients.value, client];
    }
    scheduler.flush();
    isResuming.value = false;
    saveUsers();
  }

  const keptUsers = readKeptUsers(store);
  const isResuming = signal(keptUsers.length > 0);
  const clients = signal<readonly TestClient[]>([]);
  clients.value = [createClient(conversation)];
  const selectedId = signal(clients.value[0]!.id);
  const selected = computed(() => {
    return clients.value.find(({ id }) => id === selectedId.value) ?? clients.value[0]!;
  });
  const facts = signal(NO_FACTS);
  const now = signal(monotonicNow());
  const sendAsAll = signal(false);

  if (keptUsers.length > 0) void resume(keptUsers);
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
    saveUsers();
  }

  return {
    clients,
    selected,
    isSignedOut: computed(
      () => clients.value.length === 1 && selected.value.state.value.session.state === "signed_out",
    ),
    isResuming,
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
      if (session.state === "signed_in") twin.dispatch({ type: "disconnect" });
      // Otherwise the sign-in would appear for a moment, and take the focus.
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
