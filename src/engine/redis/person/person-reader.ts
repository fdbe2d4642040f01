import { decodeContent, decodeState, type MessageErasure } from "../../../core/changes/message-state.ts";
import type { Entry } from "../../../core/conversation/entry.ts";
import type { PersonRecord } from "../../../core/person/records.ts";
import type { PersonPage, PersonReader } from "../../../core/ports/person/person-store.ts";
import { doPart, type SectionPart } from "../../sections.ts";
import { RedisQuotas } from "../accounts/quotas.ts";
import { decodeValue, presentEntries } from "../changes/encoding.ts";
import type { RedisClient } from "../connection/client.ts";
import type { ConversationPart } from "../connection/keys.ts";
import { decodeSanction, decodeStanding } from "../members/encoding.ts";
import { scanHash } from "../members/user-lists.ts";
import { decodeRecord } from "../messages/message-encoding.ts";
import { walkConversations } from "./conversation-walk.ts";

/** The number of messages that one part reads: Redis serves no other client meanwhile. */
const PAGE_SIZE = 500;

/** More requests than anybody makes in an hour, to learn how many were made. */
const ANY_LIMIT = 1_000_000_000;

type Records = readonly PersonRecord[];

/** Reads what the store has about a person: what has the name in its key, and all conversations. */
export class RedisPersonReader implements PersonReader {
  constructor(private readonly client: RedisClient) {}

  async read(user: string, after?: string): Promise<PersonPage> {
    const { value, next } = await doPart<Records>(
      {
        account: async () => ({ value: await this.account(user), next: undefined }),
        conversations: (place) =>
          walkConversations<Records>(this.client, place, [], (conversation, within) =>
            within === undefined
              ? this.conversation(user, conversation)
              : this.messages(user, conversation, within),
          ),
      },
      after,
    );
    return { records: value, next };
  }

  private async account(user: string): Promise<Records> {
    const { commands, keys } = this.client;
    const records: PersonRecord[] = [];
    const text = await commands.hget(keys.globalKey("accounts"), user);
    if (text !== null) {
      const { plan, disabled, demo, createdAt } = JSON.parse(text);
      records.push({ type: "account", plan, disabled, demo, created_at: createdAt });
    }
    for (const id of await commands.zrange(keys.userKey(user, "families"), "0", "-1")) {
      const family = await commands.get(keys.familyKey(id));
      if (family === null) continue;
      const { signedInAt, expiresAt } = JSON.parse(family);
      records.push({ type: "sign_in", signed_in_at: signedInAt, expires_at: expiresAt });
    }
    const before = await commands.get(keys.userKey(user, "revoked"));
    if (before !== null) records.push({ type: "revocation", before: Number(before) });
    const quota = await new RedisQuotas(this.client, () => {}, undefined).quota(user, ANY_LIMIT);
    const count = ANY_LIMIT - (quota?.remaining ?? ANY_LIMIT);
    if (count > 0) records.push({ type: "requests", count });
    return records;
  }

  /** What a conversation has of the person beside messages. */
  private async conversation(user: string, conversation: string): Promise<SectionPart<Records>> {
    const { commands } = this.client;
    const key = (what: ConversationPart) => this.key(conversation, what);
    const [member, muted, banned, gone, mark] = await Promise.all(
      (["members", "muted", "banned", "gone", "marks"] as const).map((what) =>
        commands.hget(key(what), user),
      ),
    );
    const standing = decodeStanding([member, muted, banned, gone].map((value) => value ?? ""));
    const records: PersonRecord[] = [];
    if (standing !== undefined) {
      const { unopened: _, ...rest } = standing;
      records.push({ type: "membership", conversation, ...rest });
    }
    if (mark) {
      const [seq, at] = mark.split(" ");
      records.push({ type: "read_mark", conversation, seq: Number(seq), ...(at && { at: Number(at) }) });
    }
    records.push(...(await this.sanctions(user, conversation)), ...(await this.streams(user, conversation)));
    records.push(...(await this.changes(user, conversation)));
    // Later messages are not read: a user who writes all the time would have no last one.
    const [newest] = await commands.xrevrange(key("log"), "+", "-", "COUNT", 1);
    return { value: records, next: newest && `- ${newest[0]}` };
  }

  private async sanctions(user: string, conversation: string): Promise<Records> {
    const found: PersonRecord[] = [];
    for (const [kind, what] of [
      ["mute", "muted"],
      ["ban", "banned"],
    ] as const)
      for (const value of (await scanHash(this.client, this.key(conversation, what))).values()) {
        const { by, at } = decodeSanction(value);
        if (by === user) found.push({ type: "sanction_given", conversation, kind, at });
      }
    return found;
  }

  private async streams(user: string, conversation: string): Promise<Records> {
    const { commands } = this.client;
    const found: PersonRecord[] = [];
    const drafts = await commands.hgetall(this.key(conversation, "drafts"));
    for (const [stream, header] of Object.entries(drafts)) {
      const fields = header.split("\t");
      if (stream.endsWith("=") || fields[10] !== user) continue;
      const list = `${this.client.keys.conversationName(conversation)}:draft:${stream}`;
      const texts = (await commands.lrange(list, 0, -1)).map((entry) => entry.replace(/^\d+ \d+ \d+ /, ""));
      const data = drafts[`${stream}=`];
      found.push({
        ...{ type: "stream", conversation, stream, id: fields[11]!, at: Number(fields[1]) },
        text: JSON.parse(`"${texts.join("")}"`),
        ...(data !== undefined && { data: JSON.parse(data) }),
      });
    }
    return found;
  }

  /** The person's reactions, and messages of others that it erased. */
  private async changes(user: string, conversation: string): Promise<Records> {
    const { commands } = this.client;
    if ((await commands.hget(this.key(conversation, "meta"), "rev")) === null) return [];
    const found: PersonRecord[] = [];
    for (const [field, value] of await scanHash(this.client, this.key(conversation, "changes"))) {
      const [, number, reacted] = /^(\d+)(?: (.+))?$/.exec(field) ?? [];
      if (number === undefined || value === "") continue;
      const seq = Number(number);
      if (reacted === user)
        for (const reaction of JSON.parse(value) as string[])
          found.push({ type: "reaction", conversation, seq, reaction });
      if (reacted !== undefined || !value.includes(`,"erased":{"by":"${user}"`)) continue;
      const [entry] = await this.entries(conversation, number, number, 1);
      if (entry !== undefined && entry.from !== user)
        found.push(...erasuresBy(user, conversation, seq, decodeState(decodeValue(value).state).erased));
    }
    return found;
  }

  /** A page of the log: the person's messages, and streams of others that it discarded, whose erasure is in the log. */
  private async messages(user: string, conversation: string, within: string): Promise<SectionPart<Records>> {
    const [from, newest] = within.split(" ") as [string, string];
    const entries = await this.entries(conversation, from, newest, PAGE_SIZE);
    const own = await presentEntries(
      this.client,
      conversation,
      entries.filter((entry) => entry.from === user),
    );
    const value: PersonRecord[] = own.flatMap(({ seq, id, at, from: sender, body }) => {
      if (sender !== user) return [];
      const { rev: _, reactions: __, ...content } = JSON.parse(`{${body}}`);
      return [{ type: "message", conversation, seq, id, at, ...content }];
    });
    for (const { seq, from: sender, body } of entries)
      if (sender !== user && body.includes(`,"erased":{"by":"${user}"`))
        value.push(...(await this.discarded(user, conversation, seq, body)));
    const last = entries.at(-1);
    return { value, next: entries.length < PAGE_SIZE ? undefined : `(${last!.seq}-0 ${newest}` };
  }

  private async discarded(user: string, conversation: string, seq: number, body: string): Promise<Records> {
    // It is in the log until that is rewritten; the changes have the present state.
    const changed = await this.client.commands.hget(this.key(conversation, "changes"), String(seq));
    return changed === null ? erasuresBy(user, conversation, seq, decodeContent(body).erased) : [];
  }

  private async entries(conversation: string, from: string, to: string, count: number): Promise<Entry[]> {
    const log = this.key(conversation, "log");
    const values = await this.client.commands.xrange(log, from, to, "COUNT", count);
    return values.map(([id, [, , , at, , record]]) =>
      decodeRecord(record!, Number.parseInt(id, 10), Number(at)),
    );
  }

  private key(conversation: string, what: ConversationPart): string {
    return this.client.keys.conversationKey(conversation, what);
  }
}

function erasuresBy(
  user: string,
  conversation: string,
  seq: number,
  erased: MessageErasure | undefined,
): PersonRecord[] {
  if (erased?.by !== user) return [];
  const { at, reason } = erased;
  return [{ type: "erasure", conversation, seq, at, ...(reason !== undefined && { reason }) }];
}
