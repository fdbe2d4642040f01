// Reads the record of a run and says which promises were broken. Pure, so that checker.test.ts can show it records that
// are wrong in one way each; that whole servers which break a promise are caught too is shown by faults.test.ts.
import type { ClientEvent, ClientRecord, RunRecord, StoredConversation } from "./record.ts";

export type FaultKind =
  /** D2: acked, and not stored, or stored under another number. */
  | "lost_ack"
  /** D2: told to clients, and not stored so. */
  | "unstored"
  /** D3: stored twice, or told twice to one client. */
  | "duplicate"
  /** D1, D4: a number that is missing in the store, or that a client was never told. */
  | "hole"
  /** D1: told in another order than that of `seq`. */
  | "order"
  /** D1: acked before the messages with lower numbers were told on the same connection. */
  | "ack_ahead"
  /** D4: not resumed though it could have been, or resumed at another place than was asked for. */
  | "resume"
  /** D5: the store lost messages, or began anew, under the same epoch; or another epoch without a loss. */
  | "epoch"
  /** Nobody sent what is stored. */
  | "altered"
  /** Q2: charged for more or fewer messages than are stored. */
  | "charge"
  /** P1: a member who is not connected, or somebody connected who is no member. */
  | "presence"
  /** A message that got no answer to the end. */
  | "unanswered"
  | "refused"
  | "crash";

export interface Fault {
  readonly kind: FaultKind;
  /** What it is about; undefined for the server as a whole. */
  readonly conversation?: string;
  readonly text: string;
}

export interface Verdict {
  /** Messages that clients had to be told, one for each client and message, and those that they were told. */
  readonly expected: number;
  readonly delivered: number;
  readonly duplicates: number;
  readonly holes: number;
  readonly orderFaults: number;
  readonly lostAcks: number;
  readonly faults: readonly Fault[];
}

/** Everything about `record` that breaks a promise (D1–D5, Q2, P1, L2). */
export function check(record: RunRecord): Verdict {
  const walks = record.clients.map((client) => walk(client, record.stored.get(client.conversation)));
  const faults: Fault[] = [
    ...record.crashes.map((text): Fault => ({ kind: "crash", text })),
    ...storeFaults(record),
    ...walks.flatMap((walk) => walk.faults),
    ...ackFaults(record),
    ...epochFaults(record),
    ...chargeFaults(record),
    ...presenceFaults(record),
  ];
  const count = (...kinds: FaultKind[]) => faults.filter(({ kind }) => kinds.includes(kind)).length;
  return {
    expected: sum(walks.map(({ expected }) => expected)),
    delivered: sum(walks.map(({ delivered }) => delivered)),
    duplicates: count("duplicate"),
    holes: count("hole"),
    orderFaults: count("order", "ack_ahead"),
    lostAcks: count("lost_ack"),
    faults: causes(faults),
  };
}

/** Where a store went back under the same epoch, whatever else is wrong with its conversation follows from that. */
function causes(faults: readonly Fault[]): Fault[] {
  const restarted = new Set(
    faults.flatMap(({ kind, conversation }) => (kind === "epoch" ? conversation : [])),
  );
  return faults.filter(
    ({ kind, conversation }) =>
      kind === "epoch" || conversation === undefined || !restarted.has(conversation),
  );
}

/** One client's way through a conversation: what it was told must be everything after its first welcome, once, in order. */
function walk(
  client: ClientRecord,
  stored: StoredConversation | undefined,
): { expected: number; delivered: number; faults: Fault[] } {
  const { conversation, name } = client;
  const faults: Fault[] = [];
  const add = (kind: FaultKind, text: string) => faults.push({ kind, conversation, text: `${name} ${text}` });
  let life: Life | undefined;
  for (const event of client.events) {
    switch (event.what) {
      case "joined":
        life = onJoined(life, event, add);
        break;
      case "heard": {
        const { seq } = event.message;
        if (life === undefined) add("resume", `heard ${seq} before the welcome`);
        else if (life.heard.has(seq)) add("duplicate", `heard ${seq} twice`);
        else if (seq < life.newest) add("order", `heard ${seq} after ${life.newest}`);
        life?.heard.add(seq);
        if (life !== undefined) life.newest = Math.max(life.newest, seq);
        break;
      }
      case "acked":
        // A repeat is acked with its old number, at any time.
        if (client.inLine && life !== undefined && !event.duplicate && event.seq > life.newest + 1)
          add(
            "ack_ahead",
            `was told that ${event.id} is ${event.seq} when it had heard up to ${life.newest}`,
          );
        break;
      case "refused":
        add("refused", `was told \`${event.code}\`: ${event.text}`);
        break;
      case "sent":
        break;
      default:
        event satisfies never;
    }
  }
  // What was told in an earlier life of the store went with it, and the client was told so.
  if (life === undefined || stored === undefined || life.epoch !== stored.epoch)
    return { expected: 0, delivered: 0, faults };
  const kept = new Set(stored.messages.map(({ seq }) => seq));
  const newest = stored.messages.at(-1)?.seq ?? 0;
  let expected = 0;
  let delivered = 0;
  for (let seq = life.base + 1; seq <= newest; seq++) {
    if (life.heard.has(seq)) delivered++;
    else if (life.lost.some(([first, last]) => first <= seq && seq <= last)) {
      if (kept.has(seq)) add("resume", `was told that ${seq} is lost, which is kept`);
      continue;
    } else add("hole", `was never told ${seq}`);
    expected++;
  }
  return { expected, delivered, faults };
}

/** What a client has of one life of the store. */
interface Life {
  readonly epoch: string;
  /** The newest message when it came; it is told what follows. */
  readonly base: number;
  newest: number;
  readonly heard: Set<number>;
  readonly lost: (readonly [number, number])[];
}

function onJoined(
  life: Life | undefined,
  { asked, seq, epoch, resumed, lost }: Extract<ClientEvent, { what: "joined" }>,
  add: (kind: FaultKind, text: string) => void,
): Life {
  const fresh = { epoch, base: seq, newest: seq, heard: new Set<number>(), lost: [] };
  if (life === undefined || asked === undefined) return fresh;
  if (epoch !== asked.epoch) {
    if (resumed) add("epoch", `was resumed from the epoch ${asked.epoch} into ${epoch}`);
    return fresh;
  }
  if (seq < asked.after) {
    add("epoch", `had ${asked.after} of the epoch ${epoch}, in which ${seq} is now the newest`);
    return fresh;
  }
  if (!resumed) {
    add(
      "resume",
      `was not resumed after ${asked.after}, though the store has the same epoch and ${seq} messages`,
    );
    return fresh;
  }
  if (lost !== undefined) {
    life.lost.push(lost);
    life.newest = Math.max(life.newest, lost[1]);
  }
  return life;
}

/** The store alone: no holes after what retention has removed, each message once, and none that nobody sent. */
function storeFaults({ stored, clients, retention }: RunRecord): Fault[] {
  const faults: Fault[] = [];
  const texts = new Map<string, string>();
  for (const client of clients)
    for (const event of client.events)
      if (event.what === "sent") texts.set(nameOf(client, event.id), event.text);
  for (const [conversation, { messages }] of stored) {
    const standing = new Map<string, number>();
    const add = (kind: FaultKind, text: string) => faults.push({ kind, conversation, text });
    let next = retention ? firstOf(messages) : 1;
    for (const { seq, from, id, text } of messages) {
      const name = nameOf({ conversation, user: from }, id);
      if (seq !== next) add("hole", `${conversation} has ${seq} where ${next} should be`);
      next = seq + 1;
      const earlier = standing.get(name);
      if (earlier !== undefined) add("duplicate", `${name} is stored as ${earlier} and as ${seq}`);
      standing.set(name, seq);
      if (texts.get(name) !== text) add("altered", `${name} was not sent with the text that is stored`);
    }
  }
  return faults;
}

/** What clients were told against what is stored, in the life of the store that it has in the end. */
function ackFaults({ stored, clients, retention }: RunRecord): Fault[] {
  const faults: Fault[] = [];
  const places = new Map<string, Set<number>>();
  for (const [conversation, { messages }] of stored)
    for (const { seq, from, id } of messages) {
      const name = nameOf({ conversation, user: from }, id);
      places.set(name, (places.get(name) ?? new Set()).add(seq));
    }
  for (const client of clients) {
    const { conversation, user } = client;
    const add = (kind: FaultKind, text: string) => faults.push({ kind, conversation, text });
    const unanswered = new Set<string>();
    let epoch: string | undefined;
    for (const event of client.events) {
      if (event.what === "joined") epoch = event.epoch;
      if (event.what === "sent") unanswered.add(event.id);
      if (event.what === "acked") unanswered.delete(event.id);
      const now = stored.get(conversation);
      if (epoch !== now?.epoch) continue;
      // What retention has removed since cannot be compared.
      const first = retention ? firstOf(now?.messages ?? []) : 1;
      if (event.what === "acked" && event.seq >= first) {
        const there = places.get(nameOf(client, event.id));
        const name = nameOf({ conversation, user }, event.id);
        if (there === undefined) add("lost_ack", `${name} was acked as ${event.seq} and is not stored`);
        else if (!there.has(event.seq))
          add("lost_ack", `${name} was acked as ${event.seq} and is stored as ${[...there].join(" and ")}`);
      } else if (event.what === "heard" && event.message.seq >= first) {
        const { seq, id, from } = event.message;
        const name = nameOf({ conversation, user: from }, id);
        if (!places.get(name)?.has(seq))
          add("unstored", `${client.name} was told ${name} as ${seq}, which is not stored so`);
      }
    }
    for (const id of unanswered) add("unanswered", `${client.name} got no answer to ${id}`);
  }
  return faults;
}

/** Another epoch is told only when messages may be gone: without a loss there is one. */
function epochFaults({ clients, storesLost }: RunRecord): Fault[] {
  const epochs = new Set(
    clients.flatMap(({ events }) => events.flatMap((event) => (event.what === "joined" ? event.epoch : []))),
  );
  return epochs.size <= 1 + storesLost
    ? []
    : [
        {
          kind: "epoch",
          text: `${epochs.size} epochs were told, though the store was lost ${storesLost} times`,
        },
      ];
}

function chargeFaults({ stored, clients, charged, retention }: RunRecord): Fault[] {
  const messages = new Map<string, string>();
  for (const [conversation, { messages: kept }] of stored)
    for (const { seq, from } of kept) messages.set(`${conversation}/${seq}`, from);
  // Of what retention has removed, clients are the only witnesses.
  if (retention)
    for (const { conversation, events } of clients)
      for (const event of events)
        if (event.what === "heard") messages.set(`${conversation}/${event.message.seq}`, event.message.from);
  const counts = new Map<string, number>();
  for (const user of messages.values()) counts.set(user, (counts.get(user) ?? 0) + 1);
  return [...new Set([...counts.keys(), ...charged.keys()])].flatMap((user): Fault[] => {
    const [count, charge] = [counts.get(user) ?? 0, charged.get(user) ?? 0];
    const text = `${user} was charged for ${charge} messages, of whom ${count} were stored`;
    return count === charge ? [] : [{ kind: "charge", text }];
  });
}

function presenceFaults({ stored }: RunRecord): Fault[] {
  return [...stored].flatMap(([conversation, { members, connected }]): Fault[] => {
    const ghosts = members.filter((user) => !connected.includes(user));
    const unseen = connected.filter((user) => !members.includes(user));
    return [
      ...ghosts.map((user) => `${user} is a member of ${conversation} and not connected`),
      ...unseen.map((user) => `${user} is connected to ${conversation} and no member`),
    ].map((text) => ({ kind: "presence", conversation, text }));
  });
}

function firstOf(messages: readonly { seq: number }[]): number {
  return messages[0]?.seq ?? Number.POSITIVE_INFINITY;
}

function nameOf({ conversation, user }: { conversation: string; user: string }, id: string): string {
  return `${conversation}/${user}/${id}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
