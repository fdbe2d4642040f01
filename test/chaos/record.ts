import type { Message } from "../../src/protocol/server-frames.ts";

/** One message as its sender knows it. */
export interface Sent {
  readonly conversation: string;
  readonly user: string;
  readonly id: string;
  readonly text: string;
}

/** An `ack` that arrived. */
export interface Acked extends Sent {
  readonly seq: number;
}

/** A `message` frame that arrived. */
export interface Heard {
  readonly conversation: string;
  readonly message: Message;
}

/** What clients saw of a server, and what that server has in the end. */
export interface ChaosRecord {
  readonly sent: readonly Sent[];
  readonly acked: readonly Acked[];
  readonly heard: readonly Heard[];
  /** Each conversation from its first message to its newest, as history reads it. */
  readonly stored: ReadonlyMap<string, readonly Message[]>;
  /** Requests charged, by user. */
  readonly charged: ReadonlyMap<string, number>;
}

/** Everything about `record` that breaks a promise (D1, D2, D3, Q2, L2), a sentence for each; empty when all is kept. */
export function faultsOf(record: ChaosRecord): string[] {
  return [...numberingFaults(record), ...deliveryFaults(record), ...chargeFaults(record)];
}

function numberingFaults({ stored, sent }: ChaosRecord): string[] {
  const faults: string[] = [];
  const texts = new Map(sent.map((message) => [nameOf(message), message.text]));
  const standing = new Map<string, number>();
  for (const [conversation, messages] of stored) {
    for (const [i, { seq, from, id, text }] of messages.entries()) {
      const name = nameOf({ conversation, user: from, id });
      if (seq !== i + 1) faults.push(`hole: ${conversation} has ${seq} where ${i + 1} should be`);
      const earlier = standing.get(name);
      if (earlier !== undefined) faults.push(`doubled: ${name} is stored as ${earlier} and as ${seq}`);
      standing.set(name, seq);
      if (texts.get(name) !== text) faults.push(`altered: ${name} was not sent with the text that is stored`);
    }
  }
  return faults;
}

function deliveryFaults({ stored, acked, heard }: ChaosRecord): string[] {
  const faults: string[] = [];
  const seqs = new Map<string, number>();
  for (const [conversation, messages] of stored)
    for (const { seq, from, id } of messages) seqs.set(nameOf({ conversation, user: from, id }), seq);
  const told = [
    ...acked.map((ack) => ({ what: "acked", name: nameOf(ack), seq: ack.seq })),
    ...heard.map(({ conversation, message: { seq, from, id } }) => ({
      what: "announced",
      name: nameOf({ conversation, user: from, id }),
      seq,
    })),
  ];
  for (const { what, name, seq } of told) {
    const there = seqs.get(name);
    if (there === undefined) faults.push(`missing: ${name} was ${what} as ${seq} and is not stored`);
    else if (there !== seq)
      faults.push(`misnumbered: ${name} was ${what} as ${seq} and is stored as ${there}`);
  }
  return faults;
}

function chargeFaults({ stored, charged }: ChaosRecord): string[] {
  const counts = new Map<string, number>();
  for (const { from } of [...stored.values()].flat()) counts.set(from, (counts.get(from) ?? 0) + 1);
  return [...new Set([...counts.keys(), ...charged.keys()])].flatMap((user) => {
    const [count, charge] = [counts.get(user) ?? 0, charged.get(user) ?? 0];
    return count === charge ? [] : [`charged: ${user} for ${charge}, of whom ${count} messages are stored`];
  });
}

function nameOf({ conversation, user, id }: Omit<Sent, "text">): string {
  return `${conversation}/${user}/${id}`;
}
