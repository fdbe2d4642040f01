// Socket.IO as its documents have it for one node; run by bench/jitter/peers.ts. The argument `recovery` switches
// connection state recovery on (https://socket.io/docs/v4/connection-state-recovery).
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer((request, response) => {
  if (request.url === "/readyz") response.end("ready");
});
const recovery = process.argv[2] === "recovery";
const io = new Server(http, {
  // The longest that the documents show; a run is over before that.
  ...(recovery && { connectionStateRecovery: { maxDisconnectionDuration: 2 * 60 * 1000 } }),
});

io.on("connection", (socket) => {
  // A recovered socket is in its rooms already.
  if (!socket.recovered) socket.join("room");
  socket.on("message", (text) => io.to("room").emit("message", text));
});

http.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
