// The bench: several clients side by side, what all of their wires carried, and which one is looked at.
import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type BenchClient, createClient } from "./bench-client.ts";
import { createRedraw } from "./redraw.ts";
import { NO_FACTS, readServerFacts, type ServerFacts } from "./sign-in.ts";
import { type Analyst, createAnalyst } from "./wire/analysis.ts";
import { type Frame, REFUSED_FAULT, type Seen } from "./wire/frame.ts";
import { createFrameLog, type FrameLog } from "./wire/frame-log.ts";
import { moment } from "./wire/tap.ts";

/** How often countdowns move, in milliseconds. */
const COUNTDOWN_EVERY = 250;

/** Colours there are for clients; the seventh has the first one's. */
export const TONES = 6;

/** Most clients at once: each is a connection, and the largest plan has 100 of them. */
export const MAX_CLIENTS = 100;

/** Everything the page holds. Views and panels read the signals and call the functions; they keep nothing of it. */
export interface Bench {
  readonly clients: ReadonlySignal<readonly BenchClient[]>;
  /** The one whose conversation is shown; there is always one, be it signed out. */
  readonly selected: ReadonlySignal<BenchClient>;
  /** Nobody is signed in: there is nothing to show but the door. */
  readonly isEmpty: ReadonlySignal<boolean>;
  readonly facts: ReadonlySignal<ServerFacts>;
  /** The moment that countdowns count from, in milliseconds since 1970. */
  readonly now: ReadonlySignal<number>;
  readonly frames: FrameLog;
  /** Changes when `frames` has. */
  readonly framesChanged: ReadonlySignal<number>;
  /** Whether what is written is said by every client that is connected. */
  readonly talkAsAll: Signal<boolean>;
  /** Calls `listener` with each frame as it is seen, until the function that is answered is called. */
  onFrame(listener: (frame: Frame) => void): () => void;
  /** Notes what is done to a client's line now, for the timeline. */
  noteFault(client: BenchClient, type: string, text: string): void;
  /** Notes that the last of them was not done, and why. */
  noteRefusedFault(client: BenchClient, problem: string): void;
  /** Puts what was seen elsewhere into the timeline, in order; nobody else is told of it. */
  show(seen: readonly Seen[]): void;
  /** What a client is called, also one that is gone. */
  nameOf(id: string): string;
  /** The colour of a client, also of one that is gone. */
  toneOf(id: string): number;
  select(id: string): void;
  /** A new client, signed out and selected. Answers undefined when there are as many as there may be. */
  add(): BenchClient | undefined;
  /** Another client of the same user in the same conversation, connected if the first one is. */
  duplicate(client: BenchClient): BenchClient | undefined;
  /** Takes a client away. The last one is signed out instead. */
  drop(client: BenchClient): void;
  /** Signs everybody out and forgets all that was seen. */
  signOut(): void;
  /** Says `text` as the selected client, or as all that are connected. */
  say(text: string): void;
  clearFrames(): void;
}

/** Begins with one client, signed out, that will talk in `conversation`. */
export function createBench(conversation: string): Bench {
  const redraw = createRedraw();
  const frames = createFrameLog();
  const framesChanged = signal(0);
  const listeners = new Set<(frame: Frame) => void>();
  /** Every client there ever was, for the names of old frames. */
  const known = new Map<string, BenchClient>();
  const nameOf = createNames(known);
  let made = 0;

  function log(seen: Seen, notes: Frame["notes"]): Frame {
    const frame = frames.add(seen, notes);
    for (const listener of [...listeners]) listener(frame);
    redraw.plan(showFrames);
    return frame;
  }

  function showFrames(): void {
    framesChanged.value++;
    // A countdown that a frame has begun must not be measured from the last look at the clock.
    now.value = moment();
  }

  function make(talksIn: string): BenchClient {
    const number = ++made;
    const client: BenchClient = createClient({
      id: `c${number}`,
      tone: (number - 1) % TONES,
      conversation: talksIn,
      redraw,
      log,
      isShared: (login) => clients.value.some((other) => other !== client && other.login() === login),
    });
    known.set(client.id, client);
    return client;
  }

  const clients = signal<readonly BenchClient[]>([]);
  clients.value = [make(conversation)];
  const selectedId = signal(clients.value[0]!.id);
  const selected = computed(() => {
    return clients.value.find(({ id }) => id === selectedId.value) ?? clients.value[0]!;
  });
  const facts = signal(NO_FACTS);
  const now = signal(moment());
  const talkAsAll = signal(false);

  void readServerFacts().then((read) => {
    facts.value = read;
  });
  setInterval(() => {
    now.value = moment();
  }, COUNTDOWN_EVERY);

  function join(client: BenchClient): BenchClient {
    clients.value = [...clients.value, client];
    selectedId.value = client.id;
    return client;
  }

  function drop(client: BenchClient): void {
    if (clients.value.length === 1) {
      client.happen({ type: "sign_out" });
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
    isEmpty: computed(
      () => clients.value.length === 1 && selected.value.state.value.session.at === "signed_out",
    ),
    facts,
    now,
    frames,
    framesChanged,
    talkAsAll,
    onFrame(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    noteFault(client, type, text) {
      log({ client: client.id, at: moment(), direction: "fault", type, bytes: 0, text }, { marks: [] });
    },
    noteRefusedFault(client, problem) {
      const seen = { client: client.id, at: moment(), bytes: 0, text: problem } as const;
      const marks = [{ kind: "refused", tone: "error", text: problem }] as const;
      log({ ...seen, direction: "fault", type: REFUSED_FAULT }, { marks });
    },
    show(all) {
      const analysts = new Map<string, Analyst>();
      for (const seen of all) {
        const analyst = analysts.get(seen.client) ?? createAnalyst();
        analysts.set(seen.client, analyst);
        frames.add(seen, analyst.note(seen));
      }
      redraw.plan(showFrames);
    },
    nameOf,
    toneOf: (id) => known.get(id)?.tone ?? 0,
    select(id) {
      selectedId.value = id;
    },
    add: () =>
      clients.value.length < MAX_CLIENTS ? join(make(selected.value.current().conversation)) : undefined,
    duplicate(client) {
      const { session, conversation: same } = client.current();
      const login = client.login();
      if (clients.value.length >= MAX_CLIENTS || session.at === "signed_out" || login === undefined)
        return undefined;
      const twin = make(same);
      twin.useLogin(session.user, login);
      if (session.at === "open") twin.connect();
      // Else it would be seen at the door for a moment, which takes the focus.
      redraw.now();
      return join(twin);
    },
    drop,
    signOut() {
      const [first, ...others] = clients.value;
      for (const client of others) drop(client);
      first!.givenName.value = "";
      first!.draft.value = "";
      first!.happen({ type: "sign_out" });
      talkAsAll.value = false;
      frames.clear();
      showFrames();
      redraw.now();
    },
    say(text) {
      const speaking = talkAsAll.value
        ? clients.value.filter((client) => client.current().session.at === "open")
        : [selected.value];
      for (const client of speaking) client.say(text);
    },
    clearFrames() {
      frames.clear();
      showFrames();
    },
  };
}

/** Calls clients by their user as long as nobody named them; a second one of the same user is told apart by a number. */
function createNames(known: ReadonlyMap<string, BenchClient>): (id: string) => string {
  /** Once given a name stays, so that a frame of a client that is gone is not taken for another's. */
  const given = new Map<string, { readonly user: string; readonly name: string }>();

  return (id) => {
    const client = known.get(id);
    if (client === undefined) return id;
    const { session, transcriptOf } = client.state.value;
    const user = session.at === "signed_out" ? transcriptOf?.user : session.user;
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
