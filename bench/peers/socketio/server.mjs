// Socket.IO with rooms and acknowledgements, as its page on performance recommends: with bufferutil, WebSocket alone,
// and without keeping the first request of each connection. PORT and SECRET_KEY come from the environment.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { subjectOf } from "../token-check.mjs";

const http = createServer((request, response) => {
  if (request.url === "/readyz") response.end("ready");
});
const io = new Server(http, { transports: ["websocket"], serveClient: false, httpCompression: false });
io.engine.on("connection", (raw) => {
  raw.request = null;
});

/** Name → the newest number. */
const newest = new Map();

io.use((socket, next) => {
  const user = subjectOf(socket.handshake.auth.token ?? "", process.env.SECRET_KEY);
  if (user === undefined) return next(new Error("unauthorized"));
  socket.data.user = user;
  next();
});

io.on("connection", (socket) => {
  const { room } = socket.handshake.auth;
  const from = socket.data.user;
  socket.join(room);
  socket.on("message", ({ id, text }, acknowledge) => {
    const seq = (newest.get(room) ?? 0) + 1;
    newest.set(room, seq);
    const at = Date.now();
    io.to(room).emit("message", { seq, id, from, text, at });
    acknowledge({ id, seq, at });
  });
});

http.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
