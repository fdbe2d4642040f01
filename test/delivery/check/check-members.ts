import { excludes, explains, isInForce, type Sanction, sanctionsOf } from "../membership/sanction.ts";
import { type ClientEvent, type ClientRecord, isOut, type RunRecord } from "../record.ts";
import type { Violation, ViolationKind } from "./violation.ts";

/** Bans, removals and mutes: what users under them wrote and received, and that no other user was kept out (MB2, MB3, MX3). */
export function memberViolations(record: RunRecord): Violation[] {
  // Where the store may have lost measures at unknown times, only the frames of the clients can be checked.
  const certain = record.uncertain ? { ...record, sanctions: [] } : record;
  return [
    ...spokenViolations(certain),
    ...record.clients.flatMap((client) => clientViolations(client, certain)),
    ...listViolations(certain),
  ];
}

/** Messages that were stored while their user was not allowed to write. */
function spokenViolations(record: RunRecord): Violation[] {
  return [...record.stored].flatMap(([conversation, { messages }]) =>
    messages.flatMap(({ seq, from, at }): Violation[] => {
      const broken = sanctionsOf(record, { conversation, user: from }).find((one) => isInForce(one, at));
      if (broken === undefined) return [];
      const text = `${from} is stored with ${seq} in ${conversation}, after the answer to a ${broken.measure}`;
      return [{ kind: "spoken", conversation, text }];
    }),
  );
}

function clientViolations(client: ClientRecord, record: RunRecord): Violation[] {
  const { conversation, name } = client;
  const { delay } = record;
  const violations: Violation[] = [];
  const add = (kind: ViolationKind, text: string) =>
    violations.push({ kind, conversation, text: `${name} ${text}` });
  const sanctions = sanctionsOf(record, client);
  const exclusions = sanctions.filter(excludes);
  let joinedAt: number | undefined;
  for (const event of client.events) {
    switch (event.kind) {
      case "joined": {
        joinedAt = event.askedAt;
        const broken = exclusions.find((one) => wasAdmitted(one, event, delay));
        if (broken !== undefined)
          add("leaked", `was let in, after the answer to a ${broken.measure} of its user`);
        break;
      }
      case "received": {
        const { seq, at } = event.message;
        const broken = exclusions.find(
          (one) => joinedAt !== undefined && joinedAt <= (one.confirmed ?? 0) && isInForce(one, at, delay),
        );
        if (broken !== undefined)
          add("leaked", `received ${seq}, stored after the answer to a ${broken.measure} of its user`);
        break;
      }
      case "out":
      case "denied":
        if (!record.uncertain && !sanctions.some((one) => explains(one, event.code, event.at)))
          add("refused", `got \`${event.code}\`, though nothing was done to its user`);
        break;
      case "stray":
        add("after_closed", `received \`${event.type}\` while the conversation was not open`);
        break;
      default:
    }
  }
  const last = exclusions.find((one) => isInForce(one, Number.MAX_SAFE_INTEGER));
  if (last !== undefined && !record.uncertain && !isOut(client))
    add("leaked", `has the conversation open in the end, after the answer to a ${last.measure} of its user`);
  return violations;
}

/** Whether a client was let in while the measure was in force from its request to the reply. */
function wasAdmitted(
  sanction: Sanction,
  { askedAt, at }: Extract<ClientEvent, { kind: "joined" }>,
  delay: number,
): boolean {
  if (askedAt === undefined || at === undefined) return false;
  return isInForce(sanction, askedAt, delay) && isInForce(sanction, at);
}

/** The members and bans that the server has in the end. */
function listViolations(record: RunRecord): Violation[] {
  if (record.uncertain) return [];
  const violations: Violation[] = [];
  for (const [conversation, members] of record.members) {
    const add = (text: string) => violations.push({ kind: "members", conversation, text });
    const compare = (what: string, has: readonly string[], should: readonly string[]) => {
      for (const user of should.filter((name) => !has.includes(name)))
        add(`${user} is missing in the ${what} of ${conversation}`);
      for (const user of has.filter((name) => !should.includes(name)))
        add(`${user} is in the ${what} of ${conversation} and should not be`);
    };
    const expected = record.expectedMembers.get(conversation);
    if (expected !== undefined) compare("members", members, expected);
    // Who has spoken and was never put out is a member.
    else
      for (const user of new Set(record.stored.get(conversation)?.messages.map(({ from }) => from)))
        if (!members.includes(user) && sanctionsOf(record, { conversation, user }).length === 0)
          add(`${user} has spoken in ${conversation} and is no member`);
    const bans = record.sanctions.filter(
      (one) =>
        one.conversation === conversation && one.measure === "ban" && isInForce(one, Number.MAX_SAFE_INTEGER),
    );
    compare(
      "bans",
      record.banned.get(conversation) ?? [],
      bans.map(({ user }) => user),
    );
  }
  return violations;
}
