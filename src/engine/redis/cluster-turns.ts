import { randomBytes } from "node:crypto";
import { HISTORY_BUDGET } from "../../core/history.ts";
import type { Result, Work, WorkOf } from "../work.ts";
import { again } from "./again.ts";
import { freshEpoch } from "./epoch.ts";
import { bodyOf, nameOf, quotaLeft, quotaView } from "./messages.ts";
import { Script } from "./scripts.ts";
import type { TurnParts } from "./standalone-turns.ts";
import { type TurnResult, type Turns, UNAVAILABLE } from "./work.ts";

export interface ClusterTurnParts extends TurnParts {
  /** The life of the store, which lies in a slot of its own. */
  readonly storeEpoch: () => string;
}

/** What came of charging a request: 1 charged now, 2 charged by an earlier try, 0 refused. */
interface Charge {
  readonly outcome: number;
  /** When it was charged; of what is refused, how long to wait. */
  readonly time: number;
  readonly token: string;
  used: number;
  reset: number;
}

/** What came of an operation in a conversation; undefined where it could not be carried out. */
type Said = readonly (string | number)[] | undefined;

/**
 * Redis Cluster keeps a user's charges and a conversation in different slots, which no script can touch together. So a
 * turn takes three steps, each of them one call for each user or conversation, and all calls of a step at once: the
 * charge is reserved by the message's name, the message appended, and the reservation settled. A crash between two of
 * them charges nothing twice and stores nothing twice, because the next try finds what the one before has done.
 */
export class ClusterTurns implements Turns {
  private readonly reserveScript = new Script("reserve");
  private readonly appendScript = new Script("append");
  private readonly settleScript = new Script("settle");

  constructor(private readonly parts: ClusterTurnParts) {}

  async carryOut(work: readonly Work[]): Promise<TurnResult> {
    const charges = await this.reserve(work);
    const epochs = new Map<string, string>();
    const said = await this.append(work, charges, epochs);
    await this.settle(work, charges, said);
    return { results: work.map((each, i) => resultOf(each, charges[i], said[i])), epochs };
  }

  /** Charges who is metered. Undefined for a request that is not, and null for one that could not be charged. */
  private async reserve(work: readonly Work[]): Promise<(Charge | undefined | null)[]> {
    const charges: (Charge | undefined | null)[] = work.map(() => undefined);
    const metered = groups(work, (each) => (isMetered(each) ? each.request.user : undefined));
    const calls = [...metered].map(async ([user, places]) => {
      const values = places.flatMap((i) => {
        const each = work[i] as WorkOf<"post" | "history">;
        return [each.request.limit, each.kind === "post" ? reservationOf(each) : "", freshToken()];
      });
      const reply = await this.call(this.reserveScript, this.keysOfUser(user), [this.now, ...values]);
      for (const [n, i] of places.entries()) {
        if (reply === undefined) {
          charges[i] = null;
          continue;
        }
        const [outcome, time, used, reset, token] = reply.slice(n * 5, n * 5 + 5);
        charges[i] = {
          outcome: Number(outcome),
          time: Number(time),
          token: String(token),
          used: Number(used),
          reset: Number(reset),
        };
      }
    });
    await Promise.all(calls);
    return charges;
  }

  /** Carries out in each conversation what was charged, and looks whether the rest is a repeat. */
  private async append(
    work: readonly Work[],
    charges: readonly (Charge | undefined | null)[],
    epochs: Map<string, string>,
  ): Promise<Said[]> {
    const said: Said[] = work.map(() => undefined);
    const inConversations = groups(work, (each, i) =>
      charges[i] === null || (each.kind === "history" && charges[i]?.outcome === 0)
        ? undefined
        : each.request.conversation,
    );
    const calls = [...inConversations].map(async ([conversation, places]) => {
      const values = places.flatMap((i) => operationOf(work[i]!, charges[i]));
      const reply = await this.appendTo(conversation, values);
      if (reply === undefined) return;
      const [epoch, words] = reply;
      if (epoch !== "") epochs.set(conversation, epoch);
      let at = 0;
      for (const i of places) {
        const length = WORDS[work[i]!.kind];
        said[i] = words.slice(at, at + length);
        at += length;
      }
    });
    await Promise.all(calls);
    return said;
  }

  /** Keeps what was charged for what is stored, and takes back the rest; what is unknown stays reserved. */
  private async settle(
    work: readonly Work[],
    charges: readonly (Charge | undefined | null)[],
    said: readonly Said[],
  ): Promise<void> {
    const settled = groups(work, (each, i) => {
      const charge = charges[i];
      if (!charge || charge.outcome === 0) return undefined;
      return (each.kind === "post") === (said[i] !== undefined) ? each.request.user : undefined;
    });
    const calls = [...settled].map(async ([user, places]) => {
      const values = places.flatMap((i): (string | number)[] => {
        const each = work[i] as WorkOf<"post" | "history">;
        if (each.kind === "history") return ["c", charges[i]!.time, ""];
        return ["s", reservationOf(each), said[i]![3]!];
      });
      const call = this.call(this.settleScript, this.keysOfUser(user), [this.now, ...values]);
      // Nothing is taken back for a message that is new: nobody needs to wait for that.
      if (places.every((i) => work[i]!.kind === "post" && said[i]![0] === 1)) return;
      const reply = await call;
      if (reply === undefined) return;
      for (const [n, i] of places.entries()) {
        const charge = charges[i]!;
        charge.used = Number(reply[n * 2]);
        charge.reset = Number(reply[n * 2 + 1]);
      }
    });
    await Promise.all(calls);
  }

  private async appendTo(
    conversation: string,
    operations: readonly (string | number)[],
  ): Promise<readonly [string, readonly (string | number)[]] | undefined> {
    const { client, retention, replicaPatience, known, storeEpoch } = this.parts;
    const { keys } = client;
    const names = (["meta", "log", "ids", "marks"] as const).map((what) =>
      keys.ofConversation(conversation, what),
    );
    const { seq, at, epoch, subscriptions } = known(conversation);
    const values = [
      this.now,
      freshEpoch(),
      retention.messages,
      retention.days,
      replicaPatience === undefined ? 0 : 1,
      HISTORY_BUDGET,
      storeEpoch(),
      seq,
      at,
      epoch,
      client.isSharded ? subscriptions : "",
      ...operations,
    ];
    const reply = await this.call(
      this.appendScript,
      [...names, keys.channel(conversation)],
      values,
      replicaPatience,
    );
    return reply as unknown as readonly [string, readonly (string | number)[]] | undefined;
  }

  private async call(
    script: Script,
    keys: readonly string[],
    values: readonly (string | number)[],
    replicaPatience?: number,
  ): Promise<readonly (string | number)[] | undefined> {
    try {
      const reply = await again(() => this.parts.client.runDurably(script, keys, values, replicaPatience));
      return reply as readonly (string | number)[];
    } catch (error) {
      this.parts.log.error("store.write_failed", { error: String(error) });
      return undefined;
    }
  }

  private keysOfUser(user: string): [quota: string, reserved: string] {
    const { keys } = this.parts.client;
    return [keys.ofUser(user, "quota"), keys.ofUser(user, "reserved")];
  }

  private get now(): string | number {
    return this.parts.time === undefined ? "" : this.parts.time.now();
  }
}

/** How many words append.lua says of each kind of work. */
const WORDS: Readonly<Record<Work["kind"], number>> = { post: 4, history: 2, mark: 1 };

function isMetered(work: Work): boolean {
  return work.kind !== "mark" && work.request.limit > 0;
}

/** A user's name for a message among those of all conversations. */
function reservationOf({ request }: WorkOf<"post">): string {
  return nameOf(request.conversation, request.id);
}

function freshToken(): string {
  return randomBytes(6).toString("base64url");
}

function operationOf(work: Work, charge: Charge | undefined | null): (string | number)[] {
  if (work.kind === "mark") {
    const { user, seq, epoch = "" } = work.request;
    return ["m", user, seq, epoch];
  }
  if (work.kind === "history") {
    const { before, after, count } = work.request;
    return ["h", before ?? "", after ?? "", count];
  }
  const { request } = work;
  const name = nameOf(request.user, request.id);
  const { epoch = "" } = request;
  return charge?.outcome === 0
    ? ["q", name, epoch]
    : ["p", name, bodyOf(request), charge?.token ?? "", epoch];
}

function resultOf(work: Work, charge: Charge | undefined | null, said: Said): Result {
  if (work.kind === "mark") {
    if (said === undefined) return UNAVAILABLE;
    return { outcome: Number(said[0]) > 0 ? "moved" : "stayed" };
  }
  if (charge === null) return UNAVAILABLE;
  const counted = [work.request.limit, charge?.used ?? 0, charge?.reset ?? 0] as const;
  const quota = quotaView(...counted);
  const refused = {
    outcome: "rate_limited",
    retryAfter: charge?.time ?? 0,
    quota: quotaLeft(...counted),
  } as const;
  if (work.kind === "history") {
    if (charge?.outcome === 0) return refused;
    if (said === undefined) return UNAVAILABLE;
    return { outcome: "read", messages: JSON.parse(String(said[0])), more: said[1] === 1, quota };
  }
  if (said === undefined) return UNAVAILABLE;
  const [outcome, seq, at] = said.map(Number);
  if (outcome === 0) return refused;
  if (outcome === 3) return { outcome: "removed" };
  return { outcome: outcome === 1 ? "stored" : "duplicate", seq: seq!, at: at!, quota };
}

/** The places of what shares a name, by the name; without those that have none. */
function groups<Item>(
  items: readonly Item[],
  name: (item: Item, place: number) => string | undefined,
): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const [i, item] of items.entries()) {
    const key = name(item, i);
    if (key === undefined) continue;
    const places = found.get(key);
    if (places === undefined) found.set(key, [i]);
    else places.push(i);
  }
  return found;
}
