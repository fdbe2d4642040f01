import { isOut, lastEpoch, type RunRecord } from "../record.ts";
import type { Violation, ViolationKind } from "./violation.ts";

/** The store alone: no holes except those of retention, each message once, and every message was sent by a client. */
export function storeViolations({ stored, clients, tried, retention }: RunRecord): Violation[] {
  const violations: Violation[] = [];
  const texts = new Map(tried.map((message) => [messageKey(message, message.id), message.text]));
  for (const client of clients)
    for (const event of client.events)
      if (event.kind === "sent") texts.set(messageKey(client, event.id), event.text);
  for (const [conversation, { messages }] of stored) {
    const standing = new Map<string, number>();
    const add = (kind: ViolationKind, text: string) => violations.push({ kind, conversation, text });
    let next = retention ? firstSeq(messages) : 1;
    for (const { seq, from, id, text } of messages) {
      const name = messageKey({ conversation, user: from }, id);
      if (seq !== next) add("hole", `${conversation} has ${seq} where ${next} should be`);
      next = seq + 1;
      const earlier = standing.get(name);
      if (earlier !== undefined) add("duplicate", `${name} is stored as ${earlier} and as ${seq}`);
      standing.set(name, seq);
      if (texts.get(name) !== text) add("altered", `${name} was not sent with the text that is stored`);
    }
  }
  return violations;
}

/** What clients received, compared with the store under its final epoch. */
export function ackViolations({ stored, clients, retention }: RunRecord): Violation[] {
  const violations: Violation[] = [];
  /** By the name of a message: its text, under each number that it has. */
  const textsBySeq = new Map<string, Map<number, string>>();
  for (const [conversation, { messages }] of stored)
    for (const { seq, from, id, text } of messages) {
      const name = messageKey({ conversation, user: from }, id);
      textsBySeq.set(name, (textsBySeq.get(name) ?? new Map()).set(seq, text));
    }
  for (const client of clients) {
    const { conversation, user } = client;
    const add = (kind: ViolationKind, text: string) => violations.push({ kind, conversation, text });
    const unanswered = new Set<string>();
    let epoch: string | undefined;
    for (const event of client.events) {
      if (event.kind === "joined") epoch = event.epoch;
      if (event.kind === "sent") unanswered.add(event.id);
      if (event.kind === "acked" || event.kind === "denied") unanswered.delete(event.id);
      const now = stored.get(conversation);
      if (epoch !== now?.epoch) continue;
      // Messages that retention has removed since cannot be compared.
      const first = retention ? firstSeq(now?.messages ?? []) : 1;
      if (event.kind === "acked" && event.seq >= first) {
        const there = textsBySeq.get(messageKey(client, event.id));
        const name = messageKey({ conversation, user }, event.id);
        if (there === undefined) add("lost_ack", `${name} was acked as ${event.seq} and is not stored`);
        else if (!there.has(event.seq))
          add(
            "lost_ack",
            `${name} was acked as ${event.seq} and is stored as ${[...there.keys()].join(" and ")}`,
          );
      } else if (event.kind === "received" && event.message.seq >= first) {
        const { seq, id, from, text } = event.message;
        const name = messageKey({ conversation, user: from }, id);
        const kept = textsBySeq.get(name)?.get(seq);
        if (kept === undefined)
          add("unstored", `${client.name} received ${name} as ${seq}, which is not stored so`);
        else if (kept !== text)
          add("altered", `${client.name} received ${name} with another text than is stored`);
      }
    }
    // A message that was under way when its user was banned has no result on a socket that was closed.
    if (!isOut(client))
      for (const id of unanswered) add("unanswered", `${client.name} got no result for ${id}`);
  }
  return violations;
}

/** How many messages were acked under an earlier epoch and are not in the store now. */
export function lostWithStore({ stored, clients }: RunRecord): number {
  let count = 0;
  for (const client of clients) {
    const now = stored.get(client.conversation);
    const kept = new Set(now?.messages.flatMap(({ from, id }) => (from === client.user ? id : [])));
    let epoch: string | undefined;
    for (const event of client.events) {
      if (event.kind === "joined") epoch = event.epoch;
      if (event.kind === "acked" && !event.duplicate && epoch !== now?.epoch && !kept.has(event.id)) count++;
    }
  }
  return count;
}

/**
 * A client may see another epoch only when messages may be gone: without a loss there is one. And every client must see
 * it: a client that keeps the old epoch assumes messages that no longer exist.
 */
export function epochViolations({ clients, stored, storesLost }: RunRecord): Violation[] {
  const violations: Violation[] = [];
  for (const [conversation, { epoch }] of stored) {
    const present = clients.filter((client) => client.conversation === conversation);
    const add = (text: string) => violations.push({ kind: "epoch", conversation, text });
    const epochs = new Set(
      present.flatMap(({ events }) =>
        events.flatMap((event) => (event.kind === "joined" ? event.epoch : [])),
      ),
    );
    if (epochs.size > 1 + storesLost)
      add(
        `${epochs.size} epochs were sent in ${conversation}, though the store was lost ${storesLost} times`,
      );
    for (const client of present.filter((one) => !isOut(one))) {
      const lastSeen = lastEpoch(client);
      if (lastSeen !== epoch)
        add(`${client.name} saw the epoch ${lastSeen} last, and the store has ${epoch}`);
    }
  }
  return violations;
}

export function chargeViolations({
  stored,
  clients,
  charged,
  retention,
  partsMayDiffer,
}: RunRecord): Violation[] {
  if (partsMayDiffer) return [];
  const messages = new Map<string, string>();
  for (const [conversation, { messages: kept }] of stored)
    for (const { seq, from } of kept) messages.set(`${conversation}/${seq}`, from);
  // For messages removed by retention, clients are the only evidence.
  if (retention)
    for (const { conversation, user, events } of clients)
      for (const event of events)
        if (event.kind === "received")
          messages.set(`${conversation}/${event.message.seq}`, event.message.from);
        // On a busy machine a message may be removed before any client has received it.
        else if (event.kind === "acked") messages.set(`${conversation}/${event.seq}`, user);
  const counts = new Map<string, number>();
  for (const user of messages.values()) counts.set(user, (counts.get(user) ?? 0) + 1);
  return [...new Set([...counts.keys(), ...charged.keys()])].flatMap((user): Violation[] => {
    const [count, charge] = [counts.get(user) ?? 0, charged.get(user) ?? 0];
    const text = `${user} was charged for ${charge} messages, of whom ${count} were stored`;
    return count === charge ? [] : [{ kind: "charge", text }];
  });
}

export function presenceViolations({ stored }: RunRecord): Violation[] {
  return [...stored].flatMap(([conversation, { present, connected }]): Violation[] => {
    const ghosts = present.filter((user) => !connected.includes(user));
    const unseen = connected.filter((user) => !present.includes(user));
    return [
      ...ghosts.map((user) => `${user} is shown as present in ${conversation} and not connected`),
      ...unseen.map((user) => `${user} is connected to ${conversation} and not shown as present`),
    ].map((text) => ({ kind: "presence", conversation, text }));
  });
}

function firstSeq(messages: readonly { seq: number }[]): number {
  return messages[0]?.seq ?? Number.POSITIVE_INFINITY;
}

function messageKey({ conversation, user }: { conversation: string; user: string }, id: string): string {
  return `${conversation}/${user}/${id}`;
}
