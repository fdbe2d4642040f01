// The control: the limit of Bun's WebSocket server when it parses nothing. Run by bench/peers/relay.ts.

/**
 * `echo` returns each frame to its sender; `publish` sends it to every client on the same path, the sender included.
 */
const publishes = process.argv[2] === "publish";

const server = Bun.serve<{ room: string }>({
  port: Number(process.env.PORT),
  hostname: "127.0.0.1",
  fetch(request, server) {
    const room = new URL(request.url).pathname;
    return server.upgrade(request, { data: { room } }) ? undefined : new Response("ready");
  },
  websocket: {
    open(ws) {
      if (publishes) ws.subscribe(ws.data.room);
    },
    message(ws, frame) {
      if (publishes) server.publish(ws.data.room, frame);
      else ws.send(frame);
    },
  },
});
