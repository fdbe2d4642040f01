// A bot that replies to each message once, also to messages that were sent while it was not running.
// It replies to "echo hello" with "hello".
// Needs Node 22 (or 20 with --experimental-websocket) or Bun, and a token:  PARLEY_TOKEN=$(npx parley token bot) node echo-bot.mjs lobby
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
// In a clone of Parley `npm run build:client` makes it. "parley-client" is the same library as a separate package.
import { connect } from "parley/client";

const { PARLEY_URL = "http://127.0.0.1:8000", PARLEY_TOKEN } = process.env;
if (!PARLEY_TOKEN) throw new Error("Set PARLEY_TOKEN.");
const [name = "lobby", file = `${name}.place`] = process.argv.slice(2);

/** Opens the conversation, and replies until it is closed. */
async function run() {
  const parley = connect({ url: PARLEY_URL, token: PARLEY_TOKEN, stayActive: true });
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => parley.close());
  // Continue where the last run stopped.
  const after = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
  const conversation = parley.conversation(name, { after });
  parley.status.subscribe(({ state, ...more }) => console.error("line", state, JSON.stringify(more)));
  conversation.status.subscribe(({ state, ...more }) => console.error(state, JSON.stringify(more)));
  conversation.on("lost", (lost) => console.error("lost", JSON.stringify(lost)));
  parley.on("error", (error) => console.error("error", error.message));
  try {
    for await (const { seq, from, text } of conversation) {
      if (from !== parley.user && text.startsWith("echo ")) {
        // The id depends on the message: a reply that is sent again, by this run or the next, is stored once.
        await conversation.send(text.slice(5), { id: `echo-${seq}` });
        console.log(`replied to ${from}`);
      }
      writeFileSync(file, JSON.stringify(conversation.place));
    }
  } catch (error) {
    if (error.code !== "removed") throw error;
    // An operator removed the conversation. The saved place is of no use: start the conversation again without it.
    await parley.close();
    rmSync(file, { force: true });
    await run();
  }
}

await run();
