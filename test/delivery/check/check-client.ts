import { type ClientEvent, type ClientRecord, isOut, type StoredConversation } from "../record.ts";
import type { Violation, ViolationKind } from "./violation.ts";

/** Checks what one client received in a conversation: everything after its first welcome, once, in order. */
export function checkClient(
  client: ClientRecord,
  stored: StoredConversation | undefined,
): { expected: number; delivered: number; violations: Violation[] } {
  const { conversation, name } = client;
  const violations: Violation[] = [];
  const add = (kind: ViolationKind, text: string) =>
    violations.push({ kind, conversation, text: `${name} ${text}` });
  let current: EpochView | undefined;
  let present = new Set<string>();
  for (const event of client.events) {
    switch (event.kind) {
      case "joined":
        current = onJoined(current, event, add);
        present = new Set(event.present);
        break;
      case "presence":
        if (present.has(event.user) === (event.state === "joined"))
          add(
            "presence",
            `received that ${event.user} ${event.state}, after ${event.user} had ${event.state} already`,
          );
        if (event.state === "joined") present.add(event.user);
        else present.delete(event.user);
        break;
      case "received": {
        const { seq } = event.message;
        if (current === undefined) add("resume", `received ${seq} before the welcome`);
        else if (current.received.has(seq)) add("duplicate", `received ${seq} twice`);
        else if (seq < current.newest) add("order", `received ${seq} after ${current.newest}`);
        current?.received.add(seq);
        if (current !== undefined) current.newest = Math.max(current.newest, seq);
        break;
      }
      case "acked":
        // A repeat is acked with its old number, at any time.
        if (
          client.inLine &&
          current !== undefined &&
          !event.duplicate &&
          event.outside !== true &&
          event.seq > current.newest + 1
        )
          add(
            "ack_ahead",
            `got the ack of ${event.id} as ${event.seq} when it had received up to ${current.newest}`,
          );
        break;
      case "refused":
        add("refused", `got \`${event.code}\`: ${event.text}`);
        break;
      case "sent":
      case "marked":
        break;
      // What users under a measure received is compared with the measures (check-members.ts).
      case "out":
      case "denied":
      case "stray":
        break;
      default:
        event satisfies never;
    }
  }
  // Messages received under an earlier epoch of the store are gone, and the client was notified of that.
  if (current === undefined || stored === undefined || current.epoch !== stored.epoch)
    return { expected: 0, delivered: 0, violations };
  const kept = new Set(stored.messages.map(({ seq }) => seq));
  // A client whose user may not read any more has no claim to what was stored since.
  const newest = isOut(client) ? current.newest : (stored.messages.at(-1)?.seq ?? 0);
  let expected = 0;
  let delivered = 0;
  for (let seq = current.base + 1; seq <= newest; seq++) {
    if (current.received.has(seq)) delivered++;
    else if (current.lost.some(({ first, last }) => first <= seq && seq <= last)) {
      if (kept.has(seq)) add("resume", `was notified that ${seq} is lost, which is kept`);
      continue;
    } else add("hole", `never received ${seq}`);
    expected++;
  }
  return { expected, delivered, violations };
}

/** What a client received under one epoch. */
interface EpochView {
  readonly epoch: string;
  /** The newest message at the time of the welcome; later messages follow. */
  readonly base: number;
  newest: number;
  readonly received: Set<number>;
  readonly lost: { readonly first: number; readonly last: number }[];
}

function onJoined(
  previous: EpochView | undefined,
  { asked, seq, epoch, resumed, lost }: Extract<ClientEvent, { kind: "joined" }>,
  add: (kind: ViolationKind, text: string) => void,
): EpochView {
  const fresh = { epoch, base: seq, newest: seq, received: new Set<number>(), lost: [] };
  if (previous === undefined || asked === undefined) return fresh;
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
    previous.lost.push(lost);
    previous.newest = Math.max(previous.newest, lost.last);
  }
  return previous;
}
