import { setSystemTime } from "bun:test";
import { Webhook } from "standardwebhooks";

export interface ReceivedEvent {
  readonly id: string;
  readonly type: string;
  readonly conversation?: string;
  readonly message?: { readonly seq: number; readonly text?: string; readonly gone?: string };
}

/**
 * A server that gets webhooks, on any free port of this machine. It verifies each request with the library of Standard Webhooks
 * (npm `standardwebhooks`), and answers 400 where that finds it wrong.
 */
export class WebhookReceiver implements Disposable {
  /** Events that were accepted, in their order, also repeated ones. */
  readonly accepted: ReceivedEvent[] = [];
  /** Requests that were answered otherwise, and those that did not verify. */
  refused = 0;
  unverified = 0;
  /** What the next requests are answered, by default 204. */
  answer: (event: ReceivedEvent) => Response | Promise<Response> = () => new Response(null, { status: 204 });
  readonly url: string;
  private readonly server: Bun.Server<undefined>;

  constructor(
    public secret: string,
    /** The sender's time, in milliseconds since 1970, with which the library compares the time of a request. */
    private readonly now: () => number = Date.now,
  ) {
    this.server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => this.receive(request) });
    this.url = `http://127.0.0.1:${this.server.port}/hook`;
  }

  /** The `webhook-id`s of each conversation, in the order in which they came first. */
  firsts(): Map<string, string[]> {
    const seen = new Set<string>();
    const byConversation = new Map<string, string[]>();
    for (const { id, conversation = "" } of this.accepted) {
      if (seen.has(id)) continue;
      seen.add(id);
      const ids = byConversation.get(conversation);
      if (ids === undefined) byConversation.set(conversation, [id]);
      else ids.push(id);
    }
    return byConversation;
  }

  get count(): number {
    return new Set(this.accepted.map(({ id }) => id)).size;
  }

  [Symbol.dispose](): void {
    void this.server.stop(true);
  }

  private async receive(request: Request): Promise<Response> {
    const body = await request.text();
    setSystemTime(new Date(this.now()));
    try {
      new Webhook(this.secret).verify(body, Object.fromEntries(request.headers));
    } catch {
      this.unverified++;
      return new Response(null, { status: 400 });
    } finally {
      setSystemTime();
    }
    const event = JSON.parse(body) as ReceivedEvent;
    if (event.id !== request.headers.get("webhook-id")) this.unverified++;
    const answer = await this.answer(event);
    if (answer.ok) this.accepted.push(event);
    else this.refused++;
    return answer;
  }
}
