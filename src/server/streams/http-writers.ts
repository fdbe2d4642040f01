import { LruMap } from "../../core/collections/lru-map.ts";
import type {
  DraftText,
  StreamAppend,
  StreamAppendResult,
  StreamEnd,
  StreamEndResult,
  StreamEvent,
  StreamName,
  StreamStart,
  StreamStartResult,
  Streams,
  StreamWriter,
} from "../../core/ports/conversation/streams.ts";
import type { RevocableToken } from "../../core/ports/revocations.ts";
import { shownAppends } from "../../core/streams/writing.ts";
import { streamKey } from "./stream-key.ts";

/** Streams of which a node remembers the writer. It reads that of another one from the store. */
const MAX_KNOWN = 10_000;

/** A token of a writer, or its API key: its name, and when it was issued, by which it is revoked. */
export interface WriterToken {
  readonly tokenId: string;
  readonly issuedAt: number;
}

/** What a node knows of a stream. */
interface KnownStream extends StreamName {
  readonly user: string;
  generation: number;
  /** The newest append that was shown to readers. */
  n: number;
  /** The token or API key that has written to it over HTTP last; undefined for that of a socket. */
  token: WriterToken | undefined;
  /** Its message, after it has ended; 0 where it has become none. */
  seq: number | undefined;
}

/** What a writer sends to its stream over HTTP. */
export interface HttpWrite extends StreamWriter {
  /** The user of the token; undefined for an API key, which writes in the name of any user. */
  readonly user: string | undefined;
  readonly token: WriterToken | undefined;
  readonly appends: readonly StreamAppend[];
  readonly end?: Pick<StreamEnd, "state" | "data" | "limit">;
}

export type HttpWriteResult =
  | StreamAppendResult
  /** It has become a message. */
  | (Omit<Extract<StreamEndResult, { outcome: "stored" }>, "outcome"> & { readonly outcome: "ended" })
  | Extract<StreamEndResult, { outcome: "rejected" | "busy" }>
  /** Another user writes the stream. */
  | { readonly outcome: "forbidden" };

export interface HttpWritersDeps {
  readonly streams: Pick<Streams, "start" | "append" | "end" | "publish" | "watch" | "drafts">;
}

/**
 * Writes streams over HTTP. Each request may come to another node, so the appends go to the store with the request that holds
 * them, and nothing of a stream has to be known here: what is, saves a read of the store.
 */
export class HttpWriters {
  private readonly known = new LruMap<KnownStream>(MAX_KNOWN);
  private readonly stopWatching: () => void;

  constructor(private readonly deps: HttpWritersDeps) {
    this.stopWatching = deps.streams.watch((event) => this.onEvent(event));
  }

  stop(): void {
    this.stopWatching();
  }

  /** Starts a stream, or takes it over. `token`: that of the user, or the API key. */
  async start(request: StreamStart, token: WriterToken | undefined): Promise<StreamStartResult> {
    const result = await new Promise<StreamStartResult>((done) => this.deps.streams.start(request, done));
    if (result.outcome === "started" || result.outcome === "taken_over") {
      const { conversation, user } = request;
      const { stream, generation, n } = result;
      this.remember({ conversation, stream, user, generation, n }).token = token;
    }
    return result;
  }

  /** Stores appends and, with `end`, ends the stream. Rejects when the store cannot be read. */
  async write(request: HttpWrite): Promise<HttpWriteResult> {
    const { conversation, stream, generation, user, token, appends, end } = request;
    const known = await this.find(request);
    if (known === undefined) return { outcome: "fenced" };
    if (user !== undefined && known.user !== user) return { outcome: "forbidden" };
    if (known.generation === generation) known.token = token;
    const writer = { conversation, stream, generation };
    const result =
      end === undefined
        ? await this.append(writer, appends, known)
        : await this.end({ ...writer, appends, user: known.user, ...end });
    if (result.outcome !== "fenced" || result.seq !== undefined) return result;
    // An older writer of a stream that goes on is fenced, too, and `seq` is not known then.
    return known.seq === undefined || known.seq === 0 ? result : { outcome: "fenced", seq: known.seq };
  }

  /** Ends the streams that were written with these tokens, which are revoked (ST3). */
  refuse(tokenIds: ReadonlySet<string>): void {
    for (const known of this.withToken()) if (tokenIds.has(known.token!.tokenId)) this.interrupt(known);
  }

  /** As `refuse`, where it is not known which tokens were revoked. Rejects when one check fails. */
  async recheck(isRevoked: (token: RevocableToken) => Promise<boolean>): Promise<void> {
    for (const known of this.withToken()) {
      const { tokenId: id, issuedAt } = known.token!;
      const revoked = await isRevoked({ id, subject: known.user, issuedAt });
      // It may have been written with a new token meanwhile.
      if (revoked && known.token?.tokenId === id && known.seq === undefined) this.interrupt(known);
    }
  }

  /** The open streams whose newest writer has a token. */
  private withToken(): KnownStream[] {
    const all = [...this.known.keys()].map((key) => this.known.get(key)!);
    return all.filter(({ token, seq }) => token !== undefined && seq === undefined);
  }

  private interrupt({ conversation, stream, generation, user }: KnownStream): void {
    this.deps.streams.end(
      { conversation, stream, generation, appends: [], state: "interrupted", limit: 0, user },
      () => {},
    );
  }

  private append(
    writer: StreamWriter,
    appends: readonly StreamAppend[],
    known: KnownStream,
  ): Promise<StreamAppendResult> {
    const { streams } = this.deps;
    return new Promise((done) =>
      streams.append({ ...writer, appends }, (result) => {
        // Only what is stored is shown: nobody has checked it before.
        const shown = result.outcome === "stored" ? shownAppends(writer, appends, known.n) : undefined;
        if (shown !== undefined) streams.publish(shown);
        done(result);
      }),
    );
  }

  private end(request: StreamEnd): Promise<HttpWriteResult> {
    return new Promise((done) =>
      this.deps.streams.end(request, (result) =>
        done(result.outcome === "stored" ? { ...result, outcome: "ended" } : result),
      ),
    );
  }

  private async find(name: StreamName): Promise<KnownStream | undefined> {
    const known = this.known.get(streamKey(name));
    if (known !== undefined) return known;
    for (const draft of await this.deps.streams.drafts(name.conversation)) this.onDraft(draft);
    return this.known.get(streamKey(name));
  }

  private onEvent(event: StreamEvent): void {
    switch (event.type) {
      case "draft":
        this.onDraft(event.draft);
        break;
      case "append": {
        const known = this.known.get(streamKey(event));
        if (known !== undefined && event.generation === known.generation)
          known.n = Math.max(known.n, event.n);
        break;
      }
      case "ended": {
        const known = this.known.get(streamKey(event));
        if (known !== undefined) known.seq = event.seq;
        break;
      }
      case "cancel":
        break;
      default:
        event satisfies never;
    }
  }

  private onDraft({ conversation, stream, from: user, generation, n }: DraftText): void {
    this.remember({ conversation, stream, user, generation, n });
  }

  private remember(draft: StreamWriter & { readonly user: string; readonly n: number }): KnownStream {
    const key = streamKey(draft);
    const known = this.known.get(key);
    if (known !== undefined && known.generation >= draft.generation) return known;
    const { conversation, stream, user, generation, n } = draft;
    const next: KnownStream = {
      ...{ conversation, stream, user, generation, n },
      ...{ token: undefined, seq: known?.seq },
    };
    this.known.set(key, next);
    return next;
  }
}
