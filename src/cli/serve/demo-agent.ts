// A user of the demo conversations that answers by streams, so that a person who tries Parley sees a message grow and can stop it.
import { setTimeout as sleep } from "node:timers/promises";
import { type Conversation, connect, type Message, startStream, watchInbox } from "../../client/index.ts";

/** The pause before each word, in milliseconds: slow enough to press Stop. */
const WORD_PAUSE_MS = 80;

/** Most words of a message that are repeated. */
const MAX_WORDS = 100;

export interface DemoAgentOptions {
  /** The address of the server. */
  readonly url: string;
  readonly token: () => Promise<string>;
}

/**
 * Connects to the server as any client would, and answers in each conversation to which its user belongs. Returns a function that
 * ends it. Neither waits for the server.
 */
export function startDemoAgent({ url, token }: DemoAgentOptions): () => void {
  const parley = connect({ url, token, stayActive: true });
  void followInbox();
  return () => void parley.close();

  async function followInbox(): Promise<void> {
    const open = new Set<string>();
    for await (const { conversation } of watchInbox(parley)) {
      if (open.has(conversation)) continue;
      open.add(conversation);
      // It was removed from the conversation, or that is gone: it comes back with the inbox.
      void answerAll(parley.conversation(conversation)).catch(() => open.delete(conversation));
    }
  }

  async function answerAll(conversation: Conversation): Promise<void> {
    for await (const message of questionsIn(conversation)) await answer(conversation, message);
  }

  /** Yields what was written since its last answer, or since it is here, and then what comes. */
  async function* questionsIn(conversation: Conversation): AsyncGenerator<Message, void> {
    const live = conversation[Symbol.asyncIterator]();
    const { messages } = await conversation.history({ limit: 50 });
    const answered = messages.findLast(
      ({ from, reply_to }) => from === parley.user && reply_to !== undefined,
    );
    let newest = answered?.reply_to ?? messages.at(-1)?.seq ?? 0;
    for (const batch of [messages, { [Symbol.asyncIterator]: () => live }])
      for await (const message of batch) {
        if (message.seq <= newest) continue;
        newest = message.seq;
        // Messages of other agents are left alone, or two agents would talk for ever.
        if (message.from !== parley.user && message.stream === undefined) yield message;
      }
  }
}

async function answer(conversation: Conversation, { seq, text }: Message): Promise<void> {
  const stream = startStream(conversation, { id: `answer-${seq}`, reply_to: seq, restart: true });
  // A refusal is final for this message only: it may be muted for a while.
  await stream.pipe(wordsOf(text, stream.signal)).catch(() => {});
}

/** Yields the words of an answer. */
async function* wordsOf(text: string, signal: AbortSignal): AsyncGenerator<string, void> {
  const words = text.trim().split(/\s+/);
  const repeated = words.slice(0, MAX_WORDS).join(" ") + (words.length > MAX_WORDS ? " …" : "");
  const answer = `You wrote: “${repeated}”. I am a program that repeats what you write, one word after the other, so that you can see a message grow. Press Stop, and I stop.`;
  for (const word of answer.split(/(?<= )/)) {
    await sleep(WORD_PAUSE_MS, undefined, { signal });
    yield word;
  }
}
