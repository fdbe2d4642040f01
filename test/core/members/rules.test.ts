import { describe, expect, test } from "bun:test";
import { putMember, removeMember } from "../../../src/core/members/change-members.ts";
import type { Decision } from "../../../src/core/members/decision.ts";
import { perform } from "../../../src/core/members/perform.ts";
import type { MemberPolicy } from "../../../src/core/members/policy.ts";
import {
  type Access,
  type ConversationChange,
  type ConversationView,
  changeStanding,
  isInForce,
  ROLES,
  type Role,
  type Standing,
} from "../../../src/core/members/records.ts";
import { liftSanction, putSanction } from "../../../src/core/members/sanctions.ts";
import { refuseSpeech, typingHiddenFor } from "../../../src/core/members/speech.ts";
import { type Actor, actsOn, type Power } from "../../../src/core/members/standing.ts";
import { type MemberAction, MemberModel } from "../../support/models/member-model.ts";
import { Random, seeds } from "../../support/random.ts";

const POLICY: MemberPolicy = {
  defaultAccess: "anyone",
  create: "anyone",
  maxMembers: 100,
  maxConversations: 100,
};
const USERS = ["ann", "bob", "cem", "dan", "eve"] as const;
const VERBS = ["put", "remove", "mute", "unmute", "ban", "unban"] as const;

/** The records of one conversation, changed as an engine changes them. */
class Records {
  readonly standings = new Map<string, Standing>();
  now = 1_000;
  private revision = 0;
  /** Called once, before the next change is stored. */
  interfere: (() => void) | undefined;

  constructor(private readonly access: Access) {}

  view(): ConversationView {
    const all = [...this.standings.values()];
    return {
      exists: true,
      facts: { access: this.access, at: 0 },
      epoch: "e.0",
      seq: 0,
      lastAt: undefined,
      members: all.filter(({ role }) => role !== undefined).length,
      owners: all.filter(({ role }) => role === "owner").length,
      standings: new Map(this.standings),
      revision: this.revision,
      now: this.now,
    };
  }

  read = async (): Promise<ConversationView> => this.view();

  change = async (_: string, revision: number, change: ConversationChange): Promise<boolean> => {
    const { interfere } = this;
    this.interfere = undefined;
    interfere?.();
    if (revision !== this.revision) return false;
    this.apply(change);
    return true;
  };

  apply({ standings = [] }: ConversationChange): void {
    this.revision++;
    for (const change of standings) {
      const after = changeStanding(this.standings.get(change.user), change, this.now);
      if (after === undefined) this.standings.delete(change.user);
      else this.standings.set(change.user, after);
    }
  }
}

function decide(view: ConversationView, { actor, verb, user, role, seconds }: MemberAction): Decision {
  const sender: Actor =
    actor === undefined ? { kind: "key", name: "backend" } : { kind: "user", name: actor };
  const scene = { conversation: "_room", view, actor: sender, policy: POLICY };
  switch (verb) {
    case "put":
      return putMember(scene, { user, role }, new Map());
    case "remove":
      return removeMember(scene, user);
    case "mute":
    case "ban":
      return putSanction(scene, verb, { user, seconds });
    case "unmute":
      return liftSanction(scene, "mute", user);
    case "unban":
      return liftSanction(scene, "ban", user);
    default:
      return verb satisfies never;
  }
}

function randomAction(random: Random, actors: readonly (string | undefined)[]): MemberAction {
  return {
    actor: random.pick(actors),
    verb: random.pick(VERBS),
    user: random.pick(USERS),
    role: random.pick([undefined, ...ROLES]),
    seconds: random.pick([undefined, 1, 60]),
  };
}

describe("MB1 MB2 MB3 MB4 a random run of all verbs agrees with the rules in their plainest form", () => {
  for (const access of ["anyone", "members"] as const)
    for (const seed of seeds(1, 2, 3))
      test(`access ${access} (seed ${seed})`, async () => {
        const random = new Random(seed);
        const records = new Records(access);
        const model = new MemberModel(access);
        const make: MemberAction = { actor: undefined, verb: "put", user: "ann", role: "owner" };
        records.apply(decide(records.view(), make).change!);
        model.act(make, records.now);
        for (let step = 0; step < 1_500; step++) {
          records.now += random.pick([0, 1, 999, 1_000, 60_000]);
          const { now } = records;
          // A key is rare: it may do what leaves a conversation without an owner.
          const action = randomAction(random, [...USERS, ...USERS, undefined]);
          let byKey = action.actor === undefined;
          if (random.next() < 0.2)
            records.interfere = () => {
              const other = randomAction(random, [undefined]);
              byKey = true;
              const { change } = decide(records.view(), other);
              if (change !== undefined) records.apply(change);
              model.act(other, now);
            };
          const result = await perform(records, "_room", USERS, (view) => decide(view, action));
          records.interfere = undefined;
          const [owned, actorRank, rank] = [
            model.owners().length > 0,
            model.rank(action.actor ?? ""),
            model.rank(action.user),
          ];
          const allowed = model.act(action, now);
          if (result.outcome !== "decided") throw new Error("the change was contended");
          const { refusal, change } = result.decision;
          expect({ step, action, allowed: refusal === undefined }).toEqual({ step, action, allowed });
          const acted = change !== undefined && action.actor !== undefined && action.actor !== action.user;
          if (acted && actorRank < 3)
            expect({ step, action, above: actorRank > rank }).toMatchObject({ above: true });
          if (owned && !byKey)
            expect({ step, owners: model.owners().length > 0 }).toEqual({ step, owners: true });
          for (const user of USERS) {
            const standing = records.standings.get(user);
            expect([step, user, standing?.role]).toEqual([step, user, model.roles.get(user)]);
            if (isInForce(standing?.banned, now))
              expect([step, user, standing?.role]).toEqual([step, user, undefined]);
            const speech = refuseSpeech(access, standing, false, now)?.outcome;
            expect([step, user, speech]).toEqual([step, user, model.speech(user, now)]);
          }
        }
      });
});

// Total: a power or a role that is added without a decision in every cell does not compile.
const ACTS: Record<Exclude<Power, undefined> | "none", Record<Role | "none", boolean>> = {
  key: { owner: true, moderator: true, member: true, none: true },
  owner: { owner: true, moderator: true, member: true, none: true },
  moderator: { owner: false, moderator: false, member: true, none: true },
  member: { owner: false, moderator: false, member: false, none: false },
  none: { owner: false, moderator: false, member: false, none: false },
};

test("MB4 a user acts on lower roles only, an owner and an API key on all", () => {
  for (const [power, cells] of Object.entries(ACTS))
    for (const [role, expected] of Object.entries(cells)) {
      const standing = role === "none" ? undefined : { role: role as Role, since: 1 };
      const acts = actsOn(power === "none" ? undefined : (power as Power), standing);
      expect([power, role, acts]).toEqual([power, role, expected]);
    }
});

type Speaker = "outsider" | "member" | "muted" | "banned" | "banned and muted";

const SPEECH: Record<
  Access,
  Record<Speaker, readonly [user: string | undefined, exempt: string | undefined]>
> = {
  anyone: {
    outsider: [undefined, undefined],
    member: [undefined, undefined],
    muted: ["muted", undefined],
    banned: ["banned", "banned"],
    "banned and muted": ["banned", "banned"],
  },
  members: {
    outsider: ["forbidden", undefined],
    member: [undefined, undefined],
    muted: ["muted", undefined],
    banned: ["forbidden", "banned"],
    "banned and muted": ["forbidden", "banned"],
  },
};

const SANCTION = { until: 5_000, by: "ann", at: 1 };

const STANDINGS: Record<Speaker, Standing | undefined> = {
  outsider: undefined,
  member: { role: "member", since: 1 },
  muted: { role: "member", since: 1, muted: SANCTION },
  banned: { banned: SANCTION },
  "banned and muted": { banned: SANCTION, muted: SANCTION },
};

test("MB1 MB2 MB3 what a message gets, for each standing, for users and for those whom no mute binds", () => {
  for (const access of ["anyone", "members"] as const)
    for (const [speaker, expected] of Object.entries(SPEECH[access])) {
      const outcomes = [false, true].map(
        (exempt) => refuseSpeech(access, STANDINGS[speaker as Speaker], exempt, 4_999)?.outcome,
      );
      expect([access, speaker, ...outcomes]).toEqual([access, speaker, ...expected]);
    }
});

test("MB3 a mute ends at its moment, for messages and for typing", () => {
  const hidden = (standing: Standing, now: number, exempt = false) =>
    typingHiddenFor({ facts: undefined, standings: new Map([["bob", standing]]), now }, "bob", exempt);
  const muted = STANDINGS.muted!;
  expect(refuseSpeech("anyone", muted, false, 4_999)).toEqual({ outcome: "muted", until: 5_000 });
  expect(refuseSpeech("anyone", muted, false, 5_000)).toBeUndefined();
  expect([hidden(muted, 4_000), hidden(muted, 4_999), hidden(muted, 5_000)]).toEqual([1_000, 1, 0]);
  expect(hidden({ muted: { by: "ann", at: 1 } }, 9)).toBe(Number.POSITIVE_INFINITY);
  expect(hidden(muted, 4_000, true)).toBe(0);
});
