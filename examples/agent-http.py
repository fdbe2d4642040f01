# The agent of agent.mjs over HTTP alone, without a package: it reads messages, and posts its answers in parts.
# Put the call of your model into `answer`. Needs Python 3.9 or newer, and a token:
#   PARLEY_TOKEN=$(npx parley token agent) python3 agent-http.py lobby
import http.client, json, os, sys, time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

server, conversation = os.environ.get("PARLEY_URL", "http://127.0.0.1:8000"), f"/conversations/{sys.argv[1]}"

def answer(question):
    """Your model: yields the answer in parts. It is closed when a reader presses stop."""
    for word in f"You said: {question}. I say it once more: {question}.".split(" "):
        time.sleep(float(os.environ.get("TOKEN_MS", "50")) / 1000)
        yield f"{word} "

def request(method, path, body=None):
    """Returns the answer, or the refusal, which has a `code`. Asks again while the server is away or says when to come back."""
    headers = {"Authorization": f"Bearer {os.environ.get('PARLEY_TOKEN') or sys.exit('Set PARLEY_TOKEN.')}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    while True:
        try:
            with urlopen(Request(server + path, data, headers, method=method), timeout=30) as reply:
                return json.load(reply)
        except HTTPError as refusal:
            if "Retry-After" not in refusal.headers: return json.load(refusal)
            time.sleep(float(refusal.headers["Retry-After"]))
        except (OSError, http.client.HTTPException) as error:
            print(error, file=sys.stderr, flush=True)
            time.sleep(1)

def write(seq, text):
    """Writes one answer. Its id depends on the question: an open one is taken over, and none is written twice."""
    started = request("POST", f"{conversation}/streams", {"id": f"answer-{seq}", "reply_to": seq, "restart": True})
    if "stream" not in started: return started  # it is a message already, or was refused
    path, n, unsent, sent_at, end = f"{conversation}/streams/{started['stream']}", started["n"], "", 0, {}
    def send(**more):
        appends = [{"n": n, "text": unsent}] if unsent else []
        return request("POST", path, {"generation": started["generation"], "appends": appends, **more})
    try:
        for part in answer(text):
            unsent += part
            if time.monotonic() - sent_at < 0.1: continue  # what comes meanwhile goes together
            n, sent_at = n + 1, time.monotonic()
            reply, unsent = send(), ""
            if "code" in reply: return reply  # `fenced`: another process writes this answer
            if "cancel" in reply: break
    except Exception as error:  # of the model; the text so far stays
        print(error, file=sys.stderr, flush=True)
        end = {"state": "failed"}
    n += 1
    return send(end=end)

def found(reply):
    """Ends the program when a question is refused: its token has ended, or it does not belong to the conversation."""
    return reply if reply.get("code") in (None, "not_found") else sys.exit(reply["detail"])

me = found(request("GET", "/me"))["user"]
messages = found(request("GET", f"{conversation}/messages?limit=200"))["messages"]
newest = max([0, *(each.get("reply_to", 0) for each in messages if each["from"] == me)])
while True:
    # The facts cost nothing; a page of messages costs a request of the plan.
    while found(request("GET", conversation)).get("seq", 0) > newest:
        for message in found(request("GET", f"{conversation}/messages?after={newest}&limit=200"))["messages"]:
            newest = message["seq"]
            # Messages of other agents are left alone, or two agents would talk for ever.
            if message["from"] != me and not message.keys() & {"stream", "erased"}:
                print(json.dumps(write(newest, message["text"])), flush=True)
    time.sleep(0.5)
