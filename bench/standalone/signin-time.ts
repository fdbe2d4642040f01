// SEC-S2: how long a sign-in takes for a user that exists (with a hash of the present and of an older cost) and for one that
// does not. Prints the medians of 30 tries each, taken in turns, so that a drift of the machine meets all alike.
//
//   bun --no-env-file bench/standalone/signin-time.ts [cost]
import { createPasswords } from "../../src/server/authentication/passwords.ts";

const ATTEMPTS = 30;
const cost = Number(process.argv[2] ?? 12);
const passwords = createPasswords({ cost, queue: 1 });
const hashAt = (cost: number) => Bun.password.hash("correct horse", { algorithm: "bcrypt", cost });

const cases: [name: string, password: string, hash: string | undefined][] = [
  ["wrong password", "wrong horse", await hashAt(cost)],
  ["wrong password, older hash", "wrong horse", await hashAt(Math.max(4, cost - 2))],
  ["wrong password, over 72 bytes", "x".repeat(100), await hashAt(cost)],
  ["unknown user", "wrong horse", undefined],
];
const times = cases.map(() => [] as number[]);
for (let i = 0; i < ATTEMPTS; i++) {
  for (const [index, [, password, hash]] of cases.entries()) {
    const start = performance.now();
    await passwords.verify(password, hash);
    times[index]!.push(performance.now() - start);
  }
}
for (const [index, [name]] of cases.entries()) {
  const sorted = times[index]!.sort((a, b) => a - b);
  console.log(`${name.padEnd(32)}${sorted[ATTEMPTS / 2]!.toFixed(1).padStart(8)} ms`);
}
