// The values of members, as lua/members/encoding.lua describes them, and the flags of messages (lua/members/speech.lua).
import {
  type ConversationFacts,
  ROLES,
  type Role,
  type Sanction,
  type Standing,
  type StandingChange,
} from "../../../core/members/records.ts";
import type { SpeechRefusal } from "../../../core/members/speech.ts";
import type { PostRequest } from "../../../core/ports/message-log.ts";

/** A member as the conversation has it. */
export interface StoredMember {
  readonly role: Role;
  readonly since: number;
  /** The newest `seq` when the user became a member. */
  readonly seq: number;
  /** When the role was last given. */
  readonly changedAt: number;
  readonly unopened: boolean;
}

/** Returns undefined for '', which means: no member. */
export function decodeMember(value: string): StoredMember | undefined {
  if (value === "") return undefined;
  const [role, since, seq, changedAt, unopened] = value.split(" ");
  return {
    role: ROLES[Number(role)]!,
    since: Number(since),
    seq: Number(seq),
    changedAt: Number(changedAt),
    unopened: unopened !== undefined,
  };
}

/** Returns the value of a member, as `member_value` of lua/members/encoding.lua does. */
export function encodeMember({ role, since, seq, changedAt, unopened }: StoredMember): string {
  return `${ROLES.indexOf(role)} ${since} ${seq} ${changedAt}${unopened ? " u" : ""}`;
}

export function decodeSanction(value: string): Sanction {
  return JSON.parse(value.slice(value.indexOf(" ") + 1));
}

/** Returns the standing of a user of its four values, of which each can be ''; undefined if nothing is stored. */
export function decodeStanding(values: readonly string[]): Standing | undefined {
  const [member = "", muted = "", banned = "", gone = ""] = values;
  const { role, since, unopened } = decodeMember(member) ?? {};
  const standing: Standing = {
    ...(role !== undefined && { role, since: since! }),
    ...(unopened && { unopened }),
    ...(gone.endsWith(" l") && { left: true as const }),
    ...(muted !== "" && { muted: decodeSanction(muted) }),
    ...(banned !== "" && { banned: decodeSanction(banned) }),
  };
  return Object.keys(standing).length === 0 ? undefined : standing;
}

/** Returns the arguments for one user of lua/members/change.lua. */
export function encodeStandingChange(change: StandingChange): string[] {
  const { user, role, unopened, left, muted, banned } = change;
  return [
    user,
    encodeField(role, (value) => String(ROLES.indexOf(value))),
    encodeField(unopened, () => "+"),
    encodeField(left, () => "+"),
    encodeField(muted, encodeSanction),
    encodeField(banned, encodeSanction),
  ];
}

/** Returns the letters of `guard` in a conversation's head that its facts require. */
export function guardOf({ access }: ConversationFacts): string {
  return access === "members" ? "fm" : "f";
}

/** Returns the flags of a message, except for that of a user who may become a member. */
export function speechFlags({ exempt, mustExist }: Pick<PostRequest, "exempt" | "mustExist">): string {
  return (exempt ? "x" : "") + (mustExist ? "e" : "");
}

/** Returns the refusal of a message that a script replied. */
export function decodeRefusal(outcome: number, until: string | number): SpeechRefusal {
  const refused = REFUSALS[outcome];
  if (refused === undefined) throw new Error(`A script replied ${outcome}.`);
  return until === "" ? { outcome: refused } : { outcome: refused, until: Number(until) };
}

const REFUSALS: Readonly<Record<number, SpeechRefusal["outcome"]>> = {
  4: "forbidden",
  5: "banned",
  6: "muted",
};

function encodeField<T>(value: T | null | undefined, encode: (value: T) => string): string {
  if (value === undefined) return "";
  return value === null ? "-" : encode(value);
}

/** Returns the value of a mute or ban. */
export function encodeSanction(sanction: Sanction): string {
  return `${sanction.until ?? ""} ${JSON.stringify(sanction)}`;
}
