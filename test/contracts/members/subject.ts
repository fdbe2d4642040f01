import { expect } from "bun:test";
import { type RetentionLimits, UNLIMITED_RETENTION } from "../../../src/core/conversation/retention.ts";
import type {
  ConversationChange,
  ConversationFacts,
  ConversationNews,
} from "../../../src/core/members/records.ts";
import type { MemberStore } from "../../../src/core/ports/conversation/members.ts";
import type { ConversationStore } from "../../../src/core/ports/conversations.ts";
import type { ManualClock } from "../../support/time/manual-clock.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { type OpenedEngine, Subject } from "../engine/subject.ts";

/** An engine on its own data with the port for members, and access to the same data as commands have it. */
export interface OpenedMembers extends OpenedEngine {
  /** The port of the engine that is open now. */
  readonly members: MemberStore;
  /** Opens the ports as a command does, next to the engine; the caller closes them. */
  openOther(): Promise<{
    readonly members: MemberStore;
    readonly conversations: ConversationStore;
    close(): Promise<void>;
  }>;
}

export type OpenMembers = (clock: ManualClock, retention: RetentionLimits) => Promise<OpenedMembers>;

/** A running engine notices a command's change within this many milliseconds. */
export const SECOND = 1_000;

export const PRIVATE: ConversationFacts = { access: "members", title: "Team", at: 1_735_689_600_000 };
export const BY = { by: "ann", at: 1_735_689_600_000 };
export const JOINS = { members: 100, conversations: 100 };

/** Opens the ports for one test. */
export async function begin(open: OpenMembers) {
  let opened: OpenedMembers | undefined;
  const subject = await Subject.open(async (clock, limits) => {
    opened = await open(clock, limits);
    return opened;
  }, UNLIMITED_RETENTION);
  const { openOther } = opened!;
  const members = () => opened!.members;
  /** Makes a change on the present revision, which MUST be accepted. */
  async function change(conversation: string, { news = [], ...fields }: Partial<ConversationChange>) {
    const { revision } = await members().read(conversation, []);
    expect(await members().change(conversation, revision, { ...fields, news })).toBe(true);
  }
  /** Removes the conversation as a command does, and lets the engine notice it. */
  async function remove(conversation: string): Promise<void> {
    const other = await openOther();
    expect(await other.conversations.remove(conversation)).toBe(true);
    await other.close();
    subject.clock.advance(SECOND);
  }
  const standing = async (user: string, conversation = "room") =>
    (await members().read(conversation, [user])).standings.get(user);
  return {
    subject,
    openOther,
    members,
    change,
    remove,
    standing,
    [Symbol.asyncDispose]: () => subject[Symbol.asyncDispose](),
  };
}

/** Watches, and records each change. */
export function watch(members: MemberStore): [string, ConversationNews][] {
  const news: [string, ConversationNews][] = [];
  members.watch((conversation, some) =>
    news.push(...some.map((one) => [conversation, one] as [string, ConversationNews])),
  );
  return news;
}

/** Waits until as many changes are reported as are wanted, and compares them. */
export async function reports(news: readonly unknown[], wanted: readonly unknown[]): Promise<void> {
  await waitUntil("the changes are reported", () => news.length >= wanted.length);
  expect(news).toEqual([...wanted]);
}
