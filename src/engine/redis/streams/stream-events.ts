import type { Emit } from "../../../core/events/events.ts";
import type {
  StreamAppendEvent,
  StreamEvent,
  StreamListener,
  StreamName,
} from "../../../core/ports/conversation/streams.ts";
import { Listeners } from "../../listeners.ts";
import type { Channels } from "../connection/channels.ts";

/** How long appends are collected before they are passed to other nodes, in milliseconds: half of what readers wait anyway. */
const FLUSH_INTERVAL_MS = 20;

export interface StreamEventsDeps {
  readonly channels: Channels;
  /** The name of this node. */
  readonly node: string;
  readonly emit: Emit;
  /** Whether other nodes may be subscribed to the channel of a conversation. */
  readonly othersListen: (conversation: string) => boolean;
}

/** Appends of one stream that follow one another and wait to be passed on. */
interface WaitingAppends {
  readonly first: StreamAppendEvent;
  last: StreamAppendEvent;
  readonly texts: string[];
  data: string | undefined;
}

/**
 * What happens to streams: passed to the listeners of this node at once, and to other nodes on the channel of the conversation,
 * which has its messages, too. What is lost on the way, a node reads from the store.
 */
export class StreamEvents {
  private readonly listeners: Listeners<StreamEvent>;
  private readonly waiting = new Map<string, WaitingAppends>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly stopReceiving: () => void;

  constructor(private readonly deps: StreamEventsDeps) {
    this.listeners = new Listeners({
      onError: (error) => deps.emit("engine.listener_failed", { error: String(error) }),
    });
    this.stopReceiving = deps.channels.watchStreams((conversation, payload) =>
      this.receive(conversation, payload),
    );
  }

  watch(listener: StreamListener): () => void {
    return this.listeners.add(listener);
  }

  /** Passes an event to the listeners of this node only. */
  notify(event: StreamEvent): void {
    this.listeners.notify(event);
  }

  /** Passes an event to the listeners of all nodes. */
  announce(event: Exclude<StreamEvent, StreamAppendEvent>): void {
    // Readers get the message, or the text of the draft, in the place of appends that were not passed on.
    if (event.type === "ended") this.waiting.delete(keyOf(event));
    if (event.type === "draft") this.waiting.delete(keyOf(event.draft));
    this.notify(event);
    this.send(event);
  }

  /** Passes an append to the listeners of this node, and with the next ones to those of other nodes. */
  append(event: StreamAppendEvent): void {
    this.notify(event);
    if (!this.deps.othersListen(event.conversation)) return;
    const key = keyOf(event);
    const before = this.waiting.get(key);
    const { text, data } = event;
    if (
      before !== undefined &&
      before.last.generation === event.generation &&
      before.last.n === event.after
    ) {
      before.last = event;
      before.texts.push(text);
      before.data = data ?? before.data;
    } else this.waiting.set(key, { first: event, last: event, texts: [text], data });
    this.timer ??= setTimeout(() => this.flush(), FLUSH_INTERVAL_MS);
  }

  close(): void {
    clearTimeout(this.timer);
    this.stopReceiving();
    this.listeners.clear();
  }

  private flush(): void {
    this.timer = undefined;
    const all = [...this.waiting.values()];
    this.waiting.clear();
    for (const { first, last, texts, data } of all) {
      const { type, conversation, stream, generation, after } = first;
      const text = texts.join("");
      this.send({
        ...{ type, conversation, stream, generation, after, n: last.n, text },
        ...(data !== undefined && { data }),
      });
    }
  }

  private send(event: StreamEvent): void {
    const { channels, node } = this.deps;
    const conversation = event.type === "draft" ? event.draft.conversation : event.conversation;
    // Not tried again: the store has all that matters.
    channels.publish(conversation, "stream", `${node} ${JSON.stringify(event)}`).catch(() => {});
  }

  private receive(conversation: string, payload: string): void {
    const end = payload.indexOf(" ");
    if (payload.slice(0, end) === this.deps.node) return;
    const event = JSON.parse(payload.slice(end + 1)) as StreamEvent;
    if ((event.type === "draft" ? event.draft.conversation : event.conversation) === conversation)
      this.notify(event);
  }
}

function keyOf({ conversation, stream }: StreamName): string {
  return `${conversation} ${stream}`;
}
