# An agent of a thousand conversations: it answers each message once, in their order, over kill -9.
# Needs Python 3.9 or newer, and a key with `read` and `write`:  PARLEY_API_KEY=pk_… python3 agent.py 'support-*' agent.position
import concurrent.futures, http.client, json, os, sys, time
from urllib.request import Request, urlopen

server, name = os.environ.get("PARLEY_URL", "http://127.0.0.1:8000"), os.environ.get("AGENT", "assistant")
(conversations, file), key = sys.argv[1:], os.environ.get("PARLEY_API_KEY") or sys.exit("Set PARLEY_API_KEY.")
query = f"/events?types=message.created&limit=1000&conversation={conversations}"
lanes = [concurrent.futures.ThreadPoolExecutor(1) for _ in range(100)]  # each for the same conversations

def call(path, body=None):
    """Returns what Parley answers. Asks again while it is away, or asks to come back later."""
    headers, data = {"Authorization": f"Bearer {key}"}, body and json.dumps(body).encode()
    while True:
        try:
            return json.load(urlopen(Request(server + path, data, headers), timeout=60))
        except (OSError, http.client.HTTPException) as error:
            seconds = error.headers.get("Retry-After") if hasattr(error, "headers") else 1
            if not seconds: raise RuntimeError(f"{path}: {error.read().decode()}") from error
            time.sleep(float(seconds))

def reply(conversation, seq, text):  # what a second run answers has the same id, and is not stored again
    path, answer = f"/conversations/{conversation}/messages", f"You said: {text}"  # call your model here
    call(path, {"id": f"answer-{seq}", "from": name, "reply_to": seq, "text": answer})

done = after = open(file).read() if os.path.exists(file) else call(query)["position"]
waiting = []
while True:
    with open(f"{file}.new", "w") as new: new.write(done)
    os.replace(f"{file}.new", file)
    page, work = call(f"{query}&wait=30&after={after}"), []
    for event in page["events"]:
        conversation, message = event.get("conversation"), event.get("message", {})
        if event["type"] == "events.lost": print("Messages were lost; look into the conversations.", file=sys.stderr)
        if message.get("text") and message["from"] != name and "stream" not in message:
            work.append(lanes[hash(conversation) % 100].submit(reply, conversation, message["seq"], message["text"]))
    for earlier in waiting:  # two pages at most wait for their answers
        if earlier.exception(): print(earlier.exception(), file=sys.stderr, flush=True)
    done, after, waiting = after, page["position"], work
