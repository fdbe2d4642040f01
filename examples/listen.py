# Print the messages of a conversation without gaps, one JSON object per line.
# After a lost connection it continues where it stopped.
# Needs Python 3.9 or newer and the package websockets; a server with its demo accounts, or a PARLEY_TOKEN.
#   python3 listen.py lobby | jq -r .text
import asyncio, json, os, random, sys, uuid
from urllib.parse import urlencode
from urllib.request import urlopen

import websockets

server = os.environ.get("PARLEY_URL", "http://127.0.0.1:8000")
conversation = sys.argv[1] if len(sys.argv) > 1 else "lobby"
user = os.environ.get("PARLEY_USER", "user2")
client = uuid.uuid4().hex  # at the server, a new socket replaces the older one of this program
seen = {}  # "after" and "epoch", once there is a position to resume from


def sign_in():
    if "PARLEY_TOKEN" in os.environ:
        return os.environ["PARLEY_TOKEN"]
    form = urlencode({"username": user, "password": "password"}).encode()
    with urlopen(f"{server}/token", form) as response:
        return json.load(response)["access_token"]


async def listen():
    """Prints messages until the connection ends; returns the close code and the `closing` frame."""
    query = urlencode({"token": sign_in(), "client": client, **seen})
    closing = {}
    async with websockets.connect(f"ws{server[4:]}/ws/{user}/{conversation}?{query}") as socket:
        try:
            while True:
                frame = json.loads(await socket.recv())
                if frame["type"] == "welcome":
                    if not frame["resumed"]:
                        seen["after"] = frame["seq"]
                    seen["epoch"] = frame["epoch"]
                    print("listening after", seen["after"], file=sys.stderr, flush=True)
                elif frame["type"] == "message":
                    print(json.dumps(frame), flush=True)
                    seen["after"] = frame["seq"]
                elif frame["type"] == "warning" and frame["code"] == "inactivity":
                    await socket.send('{"type":"activity"}')
                elif frame["type"] == "closing":
                    closing = frame
        except websockets.ConnectionClosed:
            return socket.close_code or 1006, closing


async def main():
    attempts = 0
    while True:
        try:
            code, closing = await listen()
            attempts = 0
        except (OSError, websockets.WebSocketException) as error:
            code, closing = str(error), {}
        # 44xx: something must change first; `parley error 4401` explains what. `closing` says when to retry after 4409.
        never_again = (1000, 1002, 1003, 1007, 1008, 1009, 1010)
        final = isinstance(code, int) and (4400 <= code < 4500 or code in never_again)
        if not closing.get("reconnect", not final):
            sys.exit(f"closed: {code}")
        attempts += 1
        wait = closing.get("retry_after") or random.uniform(0, min(30, 2**attempts))
        print(f"disconnected ({code}), reconnecting in {wait:.1f} s", file=sys.stderr, flush=True)
        await asyncio.sleep(wait)


asyncio.run(main())
