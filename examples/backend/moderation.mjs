// A moderation service: card numbers are refused before anybody reads them, what three readers flag is erased.
// Needs Node 20 or newer, APPROVAL_SECRET, WEBHOOK_SECRET, and PARLEY_API_KEY with the right `manage` (docs/BACKEND.md).
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

const { PARLEY_URL = "http://127.0.0.1:8000", PARLEY_API_KEY, PORT = "3000", ...env } = process.env;
if (!PARLEY_API_KEY || !env.APPROVAL_SECRET || !env.WEBHOOK_SECRET) throw new Error("Set all three.");
const secrets = { "/approve": env.APPROVAL_SECRET, "/flags": env.WEBHOOK_SECRET };
const erasing = { method: "DELETE", headers: { Authorization: `Bearer ${PARLEY_API_KEY}` } };
const NUMBER = /(?<!\d)(?:[2-6]\d{3}([ .-]?)\d{4}\1\d{4}\1\d{4}|3[47]\d\d([ .-]?)\d{6}\2\d{5})(?!\d)/g;
const add = (sum, digit, at) => sum + Number(at % 2 ? "0246813579"[digit] : digit);
const isCard = (number) => [...number.replace(/\D/g, "")].reverse().reduce(add, 0) % 10 === 0; // Luhn

/** Returns what was sent, if Parley has signed it within the last five minutes. */
async function receive(request) {
  const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signatures } = request.headers;
  const body = await text(request);
  const hmac = createHmac("sha256", Buffer.from(secrets[request.url].slice("whsec_".length), "base64"));
  const own = Buffer.from(`v1,${hmac.update(`${id}.${at}.${body}`).digest("base64")}`);
  const isSigned = signatures.split(" ").some((each) => timingSafeEqual(Buffer.from(each), own));
  if (isSigned && Math.abs(Date.now() / 1000 - at) < 300) return JSON.parse(body);
  throw new Error("Parley has not signed this.");
}

/** Decides about a question, or erases what has three flags; where that fails, the webhook comes again. */
async function answer(request) {
  const { type, conversation, title, data, message } = await receive(request);
  const action = JSON.stringify([title, data, message]).match(NUMBER)?.some(isCard) ? "reject" : "accept";
  if (type !== "message.reacted") return { action, reason: "No card numbers, please." };
  if (!(message.reactions?.["🚩"]?.count >= 3)) return {};
  const erased = await fetch(`${PARLEY_URL}/conversations/${conversation}/messages/${message.seq}`, erasing);
  return erased.ok ? {} : { error: await erased.text() };
}

createServer(async (request, response) => {
  const result = await answer(request).catch(({ message: error }) => ({ error }));
  response.writeHead("error" in result ? 400 : 200).end(JSON.stringify(result));
}).listen(Number(PORT), "127.0.0.1");
