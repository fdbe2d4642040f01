// An agent of a thousand conversations: it answers each message once, in their order, over kill -9.
// Needs Node 20 or newer, and an API key with `read` and `write`:  PARLEY_API_KEY=pk_… node agent.mjs 'support-*'
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const { PARLEY_URL = "http://127.0.0.1:8000", PARLEY_API_KEY: key, AGENT = "assistant" } = process.env;
const [, , conversations = "*", file = "agent.position"] = process.argv;
if (!key) throw new Error("Set PARLEY_API_KEY.");
const think = async (question) => `You said: ${question}`; // call your model here

/** Returns what Parley answers; nothing where it refuses. Asks again while it is away, or says when to come back. */
async function call(path, body) {
  const request = { method: body ? "POST" : "GET", body, headers: { Authorization: `Bearer ${key}` } };
  for (let seconds; ; await new Promise((wake) => setTimeout(wake, seconds * 1000))) {
    const answer = await fetch(PARLEY_URL + path, request).catch(() => {});
    seconds = answer ? answer.headers.get("Retry-After") : 1;
    if (!seconds) return answer.ok ? answer.json() : console.error(path, await answer.text());
  }
}

/** Sends an answer after the one before. What a second run answers has the same id, and is not stored again. */
async function reply(conversation, { seq, text }, before) {
  await before;
  const answer = { id: `answer-${seq}`, from: AGENT, reply_to: seq, text: await think(text) };
  await call(`/conversations/${conversation}/messages`, JSON.stringify(answer));
}

const replies = new Map(); // the newest one of each conversation
for (let after = existsSync(file) ? `&wait=30&after=${readFileSync(file)}` : "", saved; ; ) {
  const page = await call(`/events?types=message.created&limit=1000&conversation=${conversations}${after}`);
  for (const { type, conversation, message } of page.events) {
    if (type === "events.lost") console.error("Messages were lost; look into the conversations.");
    if (!message?.text || message.from === AGENT || message.stream) continue;
    replies.set(conversation, reply(conversation, message, replies.get(conversation)).catch(console.error));
  }
  after = `&wait=30&after=${page.position}`;
  await saved; // so that two pages at most wait for their answers
  saved = Promise.all(replies.values()).then(() => writeFileSync(`${file}.new`, page.position));
  saved = saved.then(() => renameSync(`${file}.new`, file));
}
