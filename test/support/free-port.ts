import { createServer } from "node:net";

/**
 * Ports that tests take, below those that the kernel gives to outgoing connections (from 32,768 on Linux): a port from there
 * may be taken by a client of another test between the probe and the server's start. Redis Cluster takes the port 10,000
 * above each, too.
 */
const FIRST = 12_000;
const LAST = 21_999;

/** A chosen port is free unless another process takes it first; test files run side by side, so each chooses at random. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
  throw new Error(`No free port was found between ${FIRST} and ${LAST}.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.on("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
