// The library ws on Node with Parley's frames: parsed, numbered, encoded once for a room, acked. PORT and SECRET_KEY come
// from the environment.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { subjectOf } from "../token-check.mjs";

const http = createServer((_request, response) => response.end("ready"));
// As the documents advise for speed: no compression (its default), no unused list of clients, and with the package
// bufferutil.
const server = new WebSocketServer({ server: http, perMessageDeflate: false, clientTracking: false });

/** Name → members and the newest number. */
const rooms = new Map();

server.on("connection", (socket, request) => {
  const url = new URL(request.url, "http://127.0.0.1");
  const user = subjectOf(url.searchParams.get("token") ?? "", process.env.SECRET_KEY);
  if (user === undefined) return socket.close(4401);
  const name = url.pathname;
  const room = rooms.get(name) ?? { members: new Set(), seq: 0 };
  rooms.set(name, room);
  room.members.add(socket);
  socket.on("close", () => {
    room.members.delete(socket);
    if (room.members.size === 0) rooms.delete(name);
  });
  // A cut connection; "close" follows.
  socket.on("error", () => {});
  socket.on("message", (data) => {
    const { id, text } = JSON.parse(data);
    const seq = ++room.seq;
    const at = Date.now();
    const message = JSON.stringify({ type: "message", seq, id, from: user, text, at });
    for (const member of room.members) member.send(message);
    socket.send(JSON.stringify({ type: "ack", id, seq, at }));
  });
  socket.send(JSON.stringify({ type: "welcome", user }));
});

// The same backlog of handshakes as the listening sockets of all peers here.
http.listen({ port: Number(process.env.PORT), host: "127.0.0.1", backlog: 511 });
process.on("SIGTERM", () => process.exit(0));
