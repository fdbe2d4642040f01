import { type ChangeMade, decideChange, shownKindOf } from "../../../core/changes/decide-change.ts";
import { decodeState, encodeState } from "../../../core/changes/message-state.ts";
import { relationOf } from "../../../core/conversation/epoch.ts";
import { eventOfChange } from "../../../core/feed/conversation-events.ts";
import type { NewFeedEvent } from "../../../core/feed/feed-event.ts";
import { ERASED_USER, idOfErased } from "../../../core/person/erased-user.ts";
import type { ChangeResult } from "../../../core/ports/conversation/changes.ts";
import type { ChangeOutcome } from "../../change-operation.ts";
import { decodeRefusal } from "../members/encoding.ts";
import { dedupeKey } from "../messages/message-encoding.ts";
import { digestOf, encodeAnnouncement, encodeValue, type MadeChange } from "./encoding.ts";
import {
  type ChangeCallRequest,
  ownKey,
  reactionKey,
  type Scene,
  type SceneMessage,
  standingKey,
  usersPart,
} from "./scene.ts";

/** Whether a change is charged: `limited` if its user has no request left. `name` is that of the change, '' if it has no id. */
export type ChargeOf = (user: string, limit: number, name: string) => "charged" | "limited";

/** The result of a change, without the quota, which is known later. */
export interface Decided {
  readonly result: ChangeOutcome | { readonly outcome: "limited" };
  /** Of a change that was made. */
  readonly made?: MadeChange;
  /** Whether it was charged. */
  readonly isCharged: boolean;
}

/** Decides about the changes of one conversation one after the other, each in the state that the earlier ones leave. */
export class ChangeRound {
  readonly decided: readonly Decided[];
  private readonly messages = new Map<number, SceneMessage>();
  private readonly own = new Map<string, readonly string[]>();
  private readonly newest = new Map<string, readonly string[]>();
  private readonly names: Map<string, string>;
  /** What is written to the hash `changes`. */
  private readonly fields = new Map<string, string>();
  /** Users of reactions: the part of the key, user, and the change that added it; undefined: it was removed. */
  private readonly users = new Map<string, readonly [part: string, user: string, rev: number | undefined]>();
  private readonly revs = new Map<number, number>();
  private readonly blanked = new Set<number>();
  private readonly newNames = new Set<string>();
  private readonly events: NewFeedEvent[] = [];
  private rev: number;

  constructor(
    private readonly conversation: string,
    private readonly scene: Scene,
    private readonly options: { readonly editWithin: number; readonly charge: ChargeOf },
    requests: readonly ChangeCallRequest[],
  ) {
    for (const [seq, message] of scene.messages) this.messages.set(seq, { ...message });
    this.names = new Map(scene.names);
    this.rev = Number(scene.rev.split(" ")[0]);
    this.decided = requests.map((request) => this.decide(request));
  }

  get made(): readonly MadeChange[] {
    return this.decided.flatMap(({ made }) => (made === undefined ? [] : [made]));
  }

  /** The parts of the keys with users of reactions that are written. */
  get usersParts(): readonly string[] {
    return [...new Set([...this.users.values()].map(([part]) => part))];
  }

  /** Returns the values of lua/changes/commit.lua from the epoch on; undefined if there is nothing to write. */
  encode(): (string | number)[] | undefined {
    const { scene, fields, revs, blanked, newNames, made } = this;
    if (made.length === 0) return undefined;
    const added = [...this.users.values()].filter(([, , rev]) => rev !== undefined);
    const removed = [...this.users.values()].filter(([, , rev]) => rev === undefined);
    const values: (string | number)[] = [
      ...[scene.epoch, scene.rev, Math.min(...revs.keys()), `${this.rev} ${scene.now}`],
      ...[scene.standings.size, scene.names.size, fields.size, revs.size],
      ...[added.length, removed.length, blanked.size, newNames.size, JSON.stringify(this.events)],
    ];
    for (const [key, standing] of scene.standings) values.push(...key.split("\t"), standing);
    for (const [name, had] of scene.names) values.push(name, had);
    for (const [field, value] of fields) values.push(field, value);
    for (const [seq, rev] of revs) values.push(rev, seq);
    for (const [part, user, rev] of added) values.push(part, user, rev!);
    for (const [part, user] of removed) values.push(part, user);
    values.push(...blanked, ...newNames, encodeAnnouncement(made));
    return values;
  }

  private decide(request: ChangeCallRequest): Decided {
    const { scene } = this;
    const { epoch, expectedEpoch, user, seq, change, limit } = request;
    const free = (result: Decided["result"]): Decided => ({ result, isCharged: false });
    if (epoch && relationOf(epoch, scene.epoch) === "removed") return free({ outcome: "removed" });
    const { refusal, isModerator } = this.standingOf(request);
    // A muted user may still erase, and learns that a change was made before.
    if (refusal !== undefined && refusal.outcome !== "muted") return free(refusal);
    if (expectedEpoch !== undefined && expectedEpoch !== scene.epoch)
      return free({ outcome: "other_epoch", epoch: scene.epoch });
    const earlier = this.findId(request);
    if (earlier !== undefined) return free(earlier);
    const message = this.messages.get(seq);
    const decision = decideChange(message && this.changedMessage(message, request), change, {
      ...{ by: user, editWithin: this.options.editWithin, now: scene.now, rev: this.rev + 1, refusal },
      moderates: request.moderates || (change.kind === "erase" && isModerator),
    });
    if (decision.outcome === "duplicate")
      return free({ outcome: "duplicate", seq, at: scene.now, quota: null });
    if (decision.outcome !== "changed") return free(decision);
    const { entry, body } = message!;
    if (request.isTrial) return free({ outcome: "acceptable", id: entry.id, body: decision.body ?? body });
    const isCharged = limit > 0 && this.options.charge(user, limit, this.chargeName(request)) === "charged";
    if (limit > 0 && !isCharged && change.kind !== "erase") return free({ outcome: "limited" });
    const made = this.make(request, message!, decision);
    const { rev } = decision.state;
    return { result: { outcome: "changed", seq, rev, at: scene.now, quota: null }, made, isCharged };
  }

  /** The name under which a change is charged: a repeat has the same one. */
  private chargeName({ id }: ChangeCallRequest): string {
    return id === undefined ? "" : digestOf(`${this.scene.epoch}\n${this.conversation}\n${id}`);
  }

  private standingOf(request: ChangeCallRequest) {
    const [outcome, until, role] = this.scene.standings.get(standingKey(request))!.split(" ");
    const refusal = outcome === "0" ? undefined : decodeRefusal(Number(outcome), until!);
    // The index of the role in ROLES.
    return { refusal, isModerator: Number(role) > 0 };
  }

  /** Returns the reply to a change whose id was used before. */
  private findId({ user, id, seq }: ChangeCallRequest): ChangeResult | undefined {
    if (id === undefined) return undefined;
    const had = this.names.get(dedupeKey(user, id))!;
    if (had === "") return undefined;
    const [letter, ofSeq, rev, at] = had.split(" ");
    if (letter !== "c" || Number(ofSeq) !== seq) return { outcome: "id_in_use" };
    return { outcome: "duplicate", seq, rev: Number(rev), at: Number(at), quota: null };
  }

  private changedMessage({ entry, body, state }: SceneMessage, { user, change }: ChangeCallRequest) {
    const message = {
      from: entry.from,
      at: entry.at,
      body,
      state: state === "" ? undefined : decodeState(state),
    };
    if (change.kind !== "react") return message;
    const newest = this.newestOf(entry.seq, change.reaction);
    return { ...message, own: this.ownOf(entry.seq, user), newest };
  }

  private ownOf(seq: number, user: string): readonly string[] {
    return this.own.get(ownKey(seq, user)) ?? this.scene.own.get(ownKey(seq, user)) ?? [];
  }

  private newestOf(seq: number, reaction: string): readonly string[] {
    const key = reactionKey(seq, digestOf(reaction));
    const known = this.newest.get(key);
    if (known !== undefined) return known;
    const stored = this.scene.reactions.get(key) ?? [];
    return stored.filter(([, own]) => own.includes(reaction)).map(([user]) => user);
  }

  private make(request: ChangeCallRequest, message: SceneMessage, decision: ChangeMade): MadeChange {
    const { seq, change, user: by, id } = request;
    const { state, body, set, forgetsSender } = decision;
    const { rev } = state;
    const { now, epoch } = this.scene;
    this.rev = rev;
    if (body !== undefined) {
      message.body = body;
      message.isReplaced = true;
      if (!isBlank(message.entry.body)) this.blanked.add(seq);
    }
    if (change.kind === "react") this.react(message, by, change.reaction, change.on, rev);
    message.state = encodeState(state);
    const value = { at: now, digests: message.digests, state: message.state };
    this.fields.set(String(seq), encodeValue({ ...value, body: message.isReplaced ? message.body : "" }));
    this.revs.set(seq, rev);
    if (id !== undefined) this.name(dedupeKey(by, id), `${seq} ${rev} ${now}`);
    const entry = {
      ...message.entry,
      body: message.body + message.state,
      ...(forgetsSender && { from: ERASED_USER, id: idOfErased(seq) }),
    };
    const { conversation } = this;
    this.events.push(eventOfChange({ conversation, seq, rev, by, at: now, change }));
    return {
      change: { conversation, epoch, rev, seq, kind: shownKindOf(change), by, at: now, set, entry },
      content: message.body,
      state: message.state,
    };
  }

  private react(message: SceneMessage, user: string, reaction: string, on: boolean, rev: number): void {
    const { seq } = message.entry;
    const digest = digestOf(reaction);
    const others = this.newestOf(seq, reaction).filter((other) => other !== user);
    this.newest.set(reactionKey(seq, digest), on ? [user, ...others] : others);
    const names = this.ownOf(seq, user).filter((name) => name !== reaction);
    const own = on ? [...names, reaction] : names;
    this.own.set(ownKey(seq, user), own);
    this.fields.set(`${seq} ${user}`, own.length === 0 ? "" : JSON.stringify(own));
    if (!message.digests.includes(digest)) message.digests = [...message.digests, digest];
    const part = usersPart(seq, digest);
    this.users.set(`${part} ${user}`, [part, user, on ? rev : undefined]);
  }

  private name(name: string, value: string): void {
    this.names.set(name, `c ${value}`);
    this.fields.set(`#${name}`, value);
    this.newNames.add(name);
  }
}

/** Whether a content of the log has nothing that must leave it. */
function isBlank(body: string): boolean {
  return body.startsWith('"text":""') && !/^"text":"","(data|erased)":/.test(body);
}
