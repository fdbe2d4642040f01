// A bot that stays in a conversation, and answers once what was said while it was away, too.
// Who says "echo hello" hears "hello".
// Needs Node 22 (or 20 with --experimental-websocket) or Bun, and a token:  PARLEY_TOKEN=$(npx parley token bot) node echo-bot.mjs lobby
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
// Or "parley-client", which is the same library as a package of its own.
import { connect } from "parley/client";

const { PARLEY_URL = "http://127.0.0.1:8000", PARLEY_TOKEN } = process.env;
const [name = "lobby", place = `${name}.position`] = process.argv.slice(2);

const parley = connect({ url: PARLEY_URL, token: PARLEY_TOKEN, stay: true });
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => parley.close());

/** Opens the conversation, and answers until it ends. */
async function answer() {
  // Where it was when it ended: it goes on there.
  const from = existsSync(place) ? JSON.parse(readFileSync(place, "utf8")) : undefined;
  const conversation = parley.conversation(name, { from });
  conversation.on("status", ({ state, ...more }) => console.error(state, JSON.stringify(more)));
  conversation.on("lost", (lost) => console.error("lost", JSON.stringify(lost)));
  conversation.on("error", (error) => console.error("error", error.message));
  try {
    for await (const { seq, from: who, text } of conversation) {
      if (who !== conversation.user && text.startsWith("echo ")) {
        // Named after what it answers: an answer that is sent again, by this run or the next, is stored once.
        await conversation.send(text.slice(5), { id: `echo-${seq}` });
        console.log(`answered ${who}`);
      }
      writeFileSync(place, JSON.stringify(conversation.position));
    }
  } catch (error) {
    if (conversation.status.code !== 4404) throw error;
    // An operator removed the conversation. What was kept of it is of no use; without it the conversation begins anew.
    rmSync(place, { force: true });
    await answer();
  }
}

await answer();
