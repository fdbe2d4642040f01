# The agent of agent.mjs on the raw protocol: it streams its answers, can be stopped, and goes on after a crash.
# Put the call of your model into `answer`. Needs Python 3.9 or newer, the package websockets, and a token:
#   PARLEY_TOKEN=$(npx parley token agent) python3 agent.py agent lobby
import asyncio, contextlib, json, os, random, sys, websockets

server, user, conversation = os.environ.get("PARLEY_URL", "http://127.0.0.1:8000"), *sys.argv[1:3]
address = f"ws{server[4:]}/ws/{user}/{conversation}?client=agent&token={os.environ.get('PARLEY_TOKEN') or sys.exit('Set PARLEY_TOKEN.')}"
draft = {}  # the answer that is written: the `seq` of its question, its `parts`, and the `task` that makes them

async def answer(question, parts):
    """Your model: appends the answer in parts. It is cancelled when a reader presses stop."""
    for word in f"You said: {question}. I say it once more: {question}.".split(" "):
        await asyncio.sleep(float(os.environ.get("TOKEN_MS", "50")) / 1000)
        parts.append(f"{word} ")

async def write(send, request, seq, text):
    """Writes one answer. Its id depends on the question: an open one is begun again, and none is written twice."""
    if draft.get("seq") != seq:  # else there was a cut, and the model went on meanwhile
        draft.update(seq=seq, parts=(parts := []), task=asyncio.ensure_future(answer(text, parts)))
    task, parts, sent, n = draft["task"], draft["parts"], 0, 0
    started = await request(type="stream_start", id=f"answer-{seq}", reply_to=seq, restart=True)
    if started["type"] == "stream_started":  # else it is a message already, or was refused
        while sent < len(parts) or not task.done():
            await asyncio.wait([task], timeout=0.04)  # what comes meanwhile goes together
            if more := parts[sent:sent + 500]:
                n, sent = n + 1, sent + len(more)
                await send(type="stream_append", stream=started["stream"], n=n, text="".join(more))
        state = {"state": "failed"} if not task.cancelled() and task.exception() else {}
        await request(type="stream_end", stream=started["stream"], **state)

async def work(send, questions, replies):
    """Answers what was missed since its own last answer, and then what comes; no other agents, or two would never end."""
    async def request(wait=0, **frame):
        await asyncio.sleep(wait)
        await send(**frame)
        reply = await replies.get()
        return await request(reply["retry_after"], **frame) if "retry_after" in reply else reply
    missed = (await request(type="history", before=(await replies.get())["seq"] + 1, limit=200))["messages"]
    newest = max([0, *(each.get("reply_to", 0) for each in missed if each["from"] == user)])
    while message := missed.pop(0) if missed else await questions.get():
        if message["seq"] > newest and message["from"] != user and not message.keys() & {"stream", "erased"}:
            await write(send, request, message["seq"], message["text"])

async def main():
    async for socket in websockets.connect(address):  # and again, after longer and longer waits, while there is no server
        queues = asyncio.Queue(), asyncio.Queue()
        worker = asyncio.ensure_future(work(lambda **frame: socket.send(json.dumps(frame)), *queues))
        worker.add_done_callback(lambda _, ended=socket: asyncio.ensure_future(ended.close()))
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in socket:
                kind = (frame := json.loads(text))["type"]
                if kind == "stream_cancel": draft["task"].cancel()
                elif kind == "warning": await socket.send('{"type":"activity"}')
                elif kind in ("message", "welcome", "history", "stream_started", "ack", "error"):
                    queues[kind != "message"].put_nowait(frame)
        worker.cancel()
        await asyncio.sleep(random.uniform(0, 2))

asyncio.run(main())
