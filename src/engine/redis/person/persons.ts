import { type Erasure, endMembership } from "../../../core/person/erasure.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { MemberStore } from "../../../core/ports/conversation/members.ts";
import type { Feed } from "../../../core/ports/feed/feed.ts";
import type { ForgottenPart, PersonPage, PersonStore } from "../../../core/ports/person/person-store.ts";
import { doPart, type SectionPart, type Sections } from "../../sections.ts";
import { noteErasure } from "../changes/file-rewriter.ts";
import type { TextEraser } from "../changes/text-eraser.ts";
import type { RedisClient } from "../connection/client.ts";
import { removeKeys, walkConversations } from "./conversation-walk.ts";
import { Erasures } from "./erasures.ts";
import { forgetInConversation, forgetUserKeys, isMember } from "./forget.ts";
import { RedisPersonReader } from "./person-reader.ts";
import { purgeBuckets, purgeFeed, purgeStream } from "./purge.ts";
import { beginningOfPurge, newestOf, purgeLog } from "./purge-log.ts";
import { SealedRevocations } from "./seal.ts";

export interface RedisPersonsDeps {
  readonly client: RedisClient;
  readonly eraser: Pick<TextEraser, "blank" | "run">;
  readonly feed: Pick<Feed, "append">;
  readonly members: Pick<MemberStore, "read" | "change" | "oldest">;
  /** Removes the messages that are no longer kept: their entries have senders. */
  readonly sweep: () => Promise<void>;
  readonly clock: Pick<Clock, "now">;
}

type Counts = ForgottenPart["counts"];
/** What one part has removed, and found. */
type Removed = Omit<ForgottenPart, "next">;

const NOTHING: Removed = { counts: {} };

/** The port for persons on Redis. */
export class RedisPersons implements PersonStore {
  private readonly reader: RedisPersonReader;
  private readonly erasures: Erasures;

  constructor(private readonly deps: RedisPersonsDeps) {
    this.reader = new RedisPersonReader(deps.client);
    this.erasures = new Erasures(deps.client);
  }

  read(user: string, after?: string): Promise<PersonPage> {
    return this.reader.read(user, after);
  }

  async forget(user: string, after?: string): Promise<ForgottenPart> {
    return doOne(
      this.sections(user, async (conversation) => ({
        value: { counts: await this.forgetConversation(user, conversation) },
        next: undefined,
      })),
      after,
    );
  }

  async purge(user: string, after?: string): Promise<ForgottenPart> {
    const { client, eraser, sweep, clock } = this.deps;
    return doOne(
      {
        removed: once(sweep),
        // Again, of what was still under way when the person was signed out.
        ...this.sections(user, async (conversation, within) => {
          if (within === undefined) {
            const last = await newestOf(client, conversation);
            const counts = await this.forgetConversation(user, conversation, last);
            return { value: { counts }, next: beginningOfPurge(last) };
          }
          const { value: seqs, next } = await purgeLog({ client, eraser }, user, conversation, within);
          return { value: { counts: {}, found: seqs.map((seq) => ({ conversation, seq })) }, next };
        }),
        texts: once(() => eraser.run()),
        seal: once(() => new SealedRevocations(client).seal(user)),
        buckets: async (place) => ({
          value: NOTHING,
          next: await purgeBuckets(client, user, Number(place ?? 0)),
        }),
        control: once(() => purgeStream(client, client.keys.globalKey("control"), user)),
        feed: async (place) => ({ value: NOTHING, next: await purgeFeed(client, user, Number(place ?? 0)) }),
        // The append-only file has the texts until it is rewritten.
        file: once(() => noteErasure(client, clock.now())),
      },
      after,
    );
  }

  begin(erasure: Erasure): Promise<Erasure> {
    return this.erasures.begin(erasure);
  }

  async save(erasure: Erasure): Promise<void> {
    // Before the end is stored, so that a crash between the two loses no event.
    if (erasure.user === undefined)
      await this.deps.feed.append([{ type: "user.erased", details: { id: erasure.id } }]);
    await this.erasures.save(erasure);
    // A file that was rewritten since the last step has the name in the record of the erasure.
    if (erasure.user === undefined) await noteErasure(this.deps.client, this.deps.clock.now());
  }

  find(id: string): Promise<Erasure | undefined> {
    return this.erasures.find(id);
  }

  pending(): Promise<readonly Erasure[]> {
    return this.erasures.pending();
  }

  /** What names the user beside the account and what all share. */
  private sections(
    user: string,
    task: (conversation: string, within: string | undefined) => Promise<SectionPart<Removed>>,
  ): Sections<Removed> {
    const { client } = this.deps;
    return {
      throttle: (place) => removeKeys(client, place, NOTHING, client.keys.throttlePattern(user)),
      conversations: (place) => walkConversations(client, place, NOTHING, task),
      // After the conversations, which write to the list of the user.
      keys: async () => ({ value: { counts: await forgetUserKeys(client, user) }, next: undefined }),
    };
  }

  /** Removes the name from what a conversation has beside messages. `last`: the last message that is forgotten. */
  private async forgetConversation(
    user: string,
    conversation: string,
    last = Number.MAX_SAFE_INTEGER,
  ): Promise<Counts> {
    const { client, members } = this.deps;
    // One that was made since the step `leave`.
    if (await isMember(client, user, conversation)) await endMembership(members, conversation, user);
    return forgetInConversation(client, user, conversation, last);
  }
}

/** A section that is done in one part. */
function once(task: () => Promise<void>): Sections<Removed>[string] {
  return async () => {
    await task();
    return { value: NOTHING, next: undefined };
  };
}

async function doOne(sections: Sections<Removed>, after: string | undefined): Promise<ForgottenPart> {
  const { value, next } = await doPart(sections, after);
  return { ...value, next };
}
