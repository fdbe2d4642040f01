# A CRM that misses nothing: each message of all conversations, once and as it is now, in SQLite, over kill -9.
# Needs Python 3.9 or newer, and an API key with the right `read`:  PARLEY_API_KEY=pk_… python3 crm.py crm.db
import http.client, json, os, sqlite3, sys, time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

server = os.environ.get("PARLEY_URL", "http://127.0.0.1:8000")
address = f"{server}/events?wait=30&limit=500&types=message.created,message.edited,message.erased"
headers = {"Authorization": f"Bearer {os.environ.get('PARLEY_API_KEY') or sys.exit('Set PARLEY_API_KEY.')}"}

def read(after):
    """Returns what happened after a position. Asks again while Parley is away, or asks to come back later."""
    while True:
        try:
            return json.load(urlopen(Request(f"{address}&after={after}", headers=headers), timeout=60))
        except HTTPError as refusal:
            if refusal.code < 500 and refusal.code != 429: sys.exit(refusal.read().decode())
            time.sleep(float(refusal.headers.get("Retry-After", 1)))
        except (OSError, http.client.HTTPException) as error:
            print(error, file=sys.stderr, flush=True)
            time.sleep(1)

db = sqlite3.connect(sys.argv[1] if len(sys.argv) > 1 else "crm.db")
db.execute("CREATE TABLE IF NOT EXISTS position (name PRIMARY KEY, position)")
db.execute("CREATE TABLE IF NOT EXISTS message (event PRIMARY KEY, at, conversation, seq, user, text)")
while True:
    page = read((db.execute("SELECT position FROM position").fetchone() or ["0"])[0])
    with db:  # one transaction: the messages are not there without the position, nor it without them
        for event in page["events"]:
            message = event.get("message", {})  # as it is now: that of an erased person is from "~erased"
            place, now = (event.get("conversation"), message.get("seq")), (message.get("from"), message.get("text"))
            if event["type"] == "events.lost":
                print("Read the history of the conversations:", event, file=sys.stderr, flush=True)
            elif event["type"] == "message.created":
                row = (event["id"], event["at"]) + place + now
                db.execute("INSERT OR IGNORE INTO message VALUES (?, ?, ?, ?, ?, ?)", row)
            elif message.get("gone") != "retention":
                db.execute("UPDATE message SET user = ?, text = ? WHERE (conversation, seq) = (?, ?)", now + place)
        db.execute("INSERT OR REPLACE INTO position VALUES ('events', ?)", (page["position"],))
