# A moderation service: card numbers are refused before anybody reads them, what three readers flag is erased.
# Needs Python 3.9 or newer, APPROVAL_SECRET, WEBHOOK_SECRET, and PARLEY_API_KEY with the right `manage` (docs/BACKEND.md).
import base64, hmac, json, os, re, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

def setting(name, default=None): return os.environ.get(name) or default or sys.exit(f"Set {name}.")
server, api_key, port = setting("PARLEY_URL", "http://127.0.0.1:8000"), setting("PARLEY_API_KEY"), setting("PORT", "3000")
secrets = {"/approve": setting("APPROVAL_SECRET"), "/flags": setting("WEBHOOK_SECRET")}
NUMBER = r"(?<!\d)(?:[2-6]\d{3}([ .-]?)\d{4}\1\d{4}\1\d{4}|3[47]\d\d([ .-]?)\d{6}\2\d{5})(?!\d)"

def is_card(match):
    digits = [int(digit) for digit in reversed(re.sub(r"\D", "", match[0]))]
    return sum(digits[::2] + [int("0246813579"[digit]) for digit in digits[1::2]]) % 10 == 0  # Luhn

def answer(event):  # decides about a question, or erases what has three flags; where that fails, the webhook comes again
    if event["type"] != "message.reacted":
        text = json.dumps([event.get(name) for name in ("title", "data", "message")], ensure_ascii=False)
        is_bad = any(map(is_card, re.finditer(NUMBER, text)))
        return {"action": "reject" if is_bad else "accept", "reason": "No card numbers, please."}
    if event["message"].get("reactions", {}).get("🚩", {}).get("count", 0) >= 3:
        path = f"/conversations/{event['conversation']}/messages/{event['message']['seq']}"
        urlopen(Request(server + path, headers={"Authorization": f"Bearer {api_key}"}, method="DELETE"), timeout=10).close()

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        id, at = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        key = base64.b64decode(secrets[self.path].removeprefix("whsec_"))
        own = "v1," + base64.b64encode(hmac.digest(key, f"{id}.{at}.".encode() + body, "sha256")).decode()
        is_signed = any(hmac.compare_digest(own, each) for each in self.headers.get("webhook-signature", "").split())
        if not is_signed or abs(time.time() - int(at)) > 300: return self.send_error(400)
        reply = json.dumps(answer(json.loads(body))).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(reply)

ThreadingHTTPServer.request_queue_size = 256  # Parley asks 200 questions at a time; 5 could wait otherwise
ThreadingHTTPServer(("127.0.0.1", int(port)), Receiver).serve_forever()
