"""The brief's own stack: FastAPI, a Redis counter for the quota, a bcrypt sign-in. Run by uvicorn on uvloop.

REDIS_URL and SECRET_KEY come from the environment. The frames are Parley's, so that the same load speaks with it.
"""

import json
import os
import time
from collections import defaultdict
from contextlib import asynccontextmanager

import bcrypt
import jwt
import redis.asyncio as redis
from fastapi import Depends, FastAPI, HTTPException, WebSocket, WebSocketDisconnect, WebSocketException
from fastapi.security import OAuth2PasswordRequestForm

SECRET_KEY = os.environ["SECRET_KEY"]
LIMIT = 1_000_000
HOUR = 3600

store = redis.from_url(os.environ["REDIS_URL"])
# As Parley's: cost 12.
passwords = {"user1": bcrypt.hashpw(b"password", bcrypt.gensalt(12))}


class Room:
    def __init__(self) -> None:
        self.members: set[WebSocket] = set()
        self.seq = 0


rooms: dict[str, Room] = defaultdict(Room)


@asynccontextmanager
async def lifespan(_app: FastAPI):
    await store.ping()
    yield
    await store.aclose()


app = FastAPI(lifespan=lifespan)


@app.get("/readyz")
async def ready() -> str:
    return "ready"


# Not async: FastAPI then runs it on a thread, and the event loop continues while the hash is computed.
@app.post("/token")
def token(form: OAuth2PasswordRequestForm = Depends()) -> dict:
    known = passwords.get(form.username)
    if known is None or not bcrypt.checkpw(form.password.encode(), known):
        raise HTTPException(401, "Incorrect username or password")
    claims = {"sub": form.username, "aud": "parley", "exp": int(time.time()) + 1800}
    return {"access_token": jwt.encode(claims, SECRET_KEY, "HS256"), "token_type": "bearer"}


@app.websocket("/ws/{user}/{conversation}")
async def talk(socket: WebSocket, user: str, conversation: str, token: str) -> None:
    try:
        claims = jwt.decode(token, SECRET_KEY, algorithms=["HS256"], audience="parley")
    except jwt.InvalidTokenError:
        raise WebSocketException(4401) from None
    if claims["sub"] != user:
        raise WebSocketException(4403)
    await socket.accept()
    room = rooms[conversation]
    room.members.add(socket)
    try:
        await socket.send_text(encoded({"type": "welcome", "user": user}))
        while True:
            frame = json.loads(await socket.receive_text())
            # A counter for each hour, as the brief has it: up to twice the limit passes around the full hour.
            counter = f"quota:{user}:{int(time.time()) // HOUR}"
            used = await store.incr(counter)
            if used == 1:
                await store.expire(counter, HOUR)
            if used > LIMIT:
                await socket.send_text(encoded({"type": "error", "code": "rate_limited", "id": frame["id"]}))
                continue
            room.seq += 1
            at = int(time.time() * 1000)
            message = {"type": "message", "seq": room.seq, "id": frame["id"], "from": user, "text": frame["text"], "at": at}
            text = encoded(message)
            for member in list(room.members):
                await member.send_text(text)
            await socket.send_text(encoded({"type": "ack", "id": frame["id"], "seq": message["seq"], "at": at}))
    except WebSocketDisconnect:
        pass
    finally:
        room.members.discard(socket)
        if not room.members:
            rooms.pop(conversation, None)


def encoded(frame: dict) -> str:
    return json.dumps(frame, separators=(",", ":"))
