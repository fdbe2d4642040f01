import type { Fault, FaultKind } from "./fault.ts";
import { lastEpoch, type RunRecord } from "./record.ts";

/** The store alone: no holes after what retention has removed, each message once, and none that nobody sent. */
export function storeFaults({ stored, clients, retention }: RunRecord): Fault[] {
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
export function ackFaults({ stored, clients, retention }: RunRecord): Fault[] {
  const faults: Fault[] = [];
  /** By the name of a message: its text, under each number that it has. */
  const places = new Map<string, Map<number, string>>();
  for (const [conversation, { messages }] of stored)
    for (const { seq, from, id, text } of messages) {
      const name = nameOf({ conversation, user: from }, id);
      places.set(name, (places.get(name) ?? new Map()).set(seq, text));
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
          add(
            "lost_ack",
            `${name} was acked as ${event.seq} and is stored as ${[...there.keys()].join(" and ")}`,
          );
      } else if (event.what === "heard" && event.message.seq >= first) {
        const { seq, id, from, text } = event.message;
        const name = nameOf({ conversation, user: from }, id);
        const kept = places.get(name)?.get(seq);
        if (kept === undefined)
          add("unstored", `${client.name} was told ${name} as ${seq}, which is not stored so`);
        else if (kept !== text)
          add("altered", `${client.name} was told ${name} with another text than is stored`);
      }
    }
    for (const id of unanswered) add("unanswered", `${client.name} got no answer to ${id}`);
  }
  return faults;
}

/** How many messages were acked in an earlier life of the store and are not in this one. */
export function lostWithStore({ stored, clients }: RunRecord): number {
  let count = 0;
  for (const client of clients) {
    const now = stored.get(client.conversation);
    const kept = new Set(now?.messages.flatMap(({ from, id }) => (from === client.user ? id : [])));
    let epoch: string | undefined;
    for (const event of client.events) {
      if (event.what === "joined") epoch = event.epoch;
      if (event.what === "acked" && !event.duplicate && epoch !== now?.epoch && !kept.has(event.id)) count++;
    }
  }
  return count;
}

/**
 * Another epoch is told only when messages may be gone: without a loss there is one. And it is told to everybody: who
 * stays in the old one believes to have what is there no more.
 */
export function epochFaults({ clients, stored, storesLost }: RunRecord): Fault[] {
  const faults: Fault[] = [];
  for (const [conversation, { epoch }] of stored) {
    const present = clients.filter((client) => client.conversation === conversation);
    const add = (text: string) => faults.push({ kind: "epoch", conversation, text });
    const epochs = new Set(
      present.flatMap(({ events }) =>
        events.flatMap((event) => (event.what === "joined" ? event.epoch : [])),
      ),
    );
    if (epochs.size > 1 + storesLost)
      add(
        `${epochs.size} epochs were told in ${conversation}, though the store was lost ${storesLost} times`,
      );
    for (const client of present) {
      const told = lastEpoch(client);
      if (told !== epoch)
        add(`${client.name} was told of the epoch ${told} last, and the store has ${epoch}`);
    }
  }
  return faults;
}

export function chargeFaults({ stored, clients, charged, retention, partsMayDiffer }: RunRecord): Fault[] {
  if (partsMayDiffer) return [];
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

export function presenceFaults({ stored }: RunRecord): Fault[] {
  return [...stored].flatMap(([conversation, { present, connected }]): Fault[] => {
    const ghosts = present.filter((user) => !connected.includes(user));
    const unseen = connected.filter((user) => !present.includes(user));
    return [
      ...ghosts.map((user) => `${user} is shown as present in ${conversation} and not connected`),
      ...unseen.map((user) => `${user} is connected to ${conversation} and not shown as present`),
    ].map((text) => ({ kind: "presence", conversation, text }));
  });
}

function firstOf(messages: readonly { seq: number }[]): number {
  return messages[0]?.seq ?? Number.POSITIVE_INFINITY;
}

function nameOf({ conversation, user }: { conversation: string; user: string }, id: string): string {
  return `${conversation}/${user}/${id}`;
}
