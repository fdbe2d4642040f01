// Socket.IO's own client, on Node, in the jitter case; the protocol with the driver: bench/jitter/driver.ts.
import { io } from "socket.io-client";

const { sender, receivers, count } = JSON.parse(process.argv[2]);

// Straight to WebSocket: every new connection by long polling would be a second slower. The rest is as it comes.
const open = (url) => io(url, { transports: ["websocket"], forceNew: true });

const sending = open(sender);
sending.on("connect", () => process.send({ up: -1 }));
process.on("message", ({ send, stop }) => {
  if (send !== undefined) sending.emit("message", send);
  if (stop) process.exit(0);
});

for (let receiver = 0; receiver < count; receiver++) {
  const socket = open(receivers);
  socket.on("connect", () => process.send({ up: receiver }));
  socket.on("message", (text) => process.send({ received: receiver, text }));
}
