// An AI that answers each message of a conversation: readers see it grow, can stop it, and it survives crashes.
// Put the call of your model into `answer`. Needs Node 22 (or 20 with --experimental-websocket) or Bun, and a token:
//   PARLEY_TOKEN=$(npx parley token agent) node agent.mjs lobby
import { setTimeout as sleep } from "node:timers/promises";
// In a clone of Parley `npm run build:client` makes it. "parley-client" is the same library as a separate package.
import { connect, startStream } from "parley/client";

const { PARLEY_URL = "http://127.0.0.1:8000", PARLEY_TOKEN, TOKEN_MS = "50" } = process.env;
if (!PARLEY_TOKEN) throw new Error("Set PARLEY_TOKEN.");
const [name = "lobby"] = process.argv.slice(2);

/** Your model: yields the answer in parts. `signal` aborts when a reader presses stop: pass it to the call of the model. */
async function* answer(question, signal) {
  for (const word of `You said: ${question}. I say it once more: ${question}.`.split(" ")) {
    await sleep(Number(TOKEN_MS), undefined, { signal });
    yield `${word} `;
  }
}

/** Writes one answer. Its id depends on the question: an open one of a killed run is taken over, and none is written twice. */
async function reply({ seq, text }) {
  const stream = startStream(conversation, { id: `answer-${seq}`, reply_to: seq, restart: true });
  try {
    await stream.pipe(answer(text, stream.signal));
  } catch (error) {
    console.error(`no whole answer to ${seq}:`, error.message);
  }
}

/** Yields what was missed since its own last answer, which the history shows, and then what comes. */
async function* questions() {
  const live = conversation[Symbol.asyncIterator]();
  await new Promise((open) => conversation.status.subscribe(({ state }) => state === "live" && open()));
  const { messages } = await conversation.history({ limit: 200 });
  const answers = messages.filter(({ from }) => from === parley.user);
  let newest = Math.max(0, ...answers.map(({ reply_to = 0 }) => reply_to));
  for (const batch of [messages, live])
    for await (const message of batch) {
      if (message.seq <= newest) continue;
      newest = message.seq;
      // Messages of other agents are left alone, or two agents would talk for ever.
      if (message.from !== parley.user && !message.stream && !message.erased) yield message;
    }
}

const parley = connect({ url: PARLEY_URL, token: PARLEY_TOKEN, stayActive: true });
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => parley.close());
parley.status.subscribe(({ state, reason = "" }) => console.error(state, reason));
const conversation = parley.conversation(name);
for await (const message of questions()) await reply(message);
