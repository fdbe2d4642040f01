// Faults that take more than one step: a quota that is used up, and a reader that does not read.

import { newId } from "../../../client/new-id.ts";
import type { Bench } from "../../bench.ts";
import type { BenchClient } from "../../bench-client.ts";
import { moment } from "../../wire/tap.ts";
import { ask, askForFault, post } from "./ask.ts";

/** Requests that the page itself makes to fill a quota; for more it needs the server's help. */
const MAX_REQUESTS = 1_000;

/** At once; a browser has few more lines to one server. */
const AT_ONCE = 5;

/** Long messages that are more than the server keeps for one reader (MAX_UNSENT_BYTES, 1 MiB). */
export const LONG_MESSAGES = 18;

/** Padding of each, in bytes; with the rest it fits into a frame. */
const LONG = 62_000;

/** How long the reader stays deaf if something goes wrong meanwhile, in seconds. */
const DEAF = 60;

interface Quota {
  readonly limit: number;
  readonly remaining: number;
  readonly reset: number;
}

/** Uses up what is left of the user's requests. Answers a problem, if there is one. */
export async function fillQuota(bench: Bench, client: BenchClient): Promise<string | undefined> {
  const filled = bench.facts.value.faults
    ? await askForFault(bench, client, { do: "fill_quota" })
    : await useUp(client);
  if (filled.problem !== undefined) return filled.problem;
  client.happen({ type: "quota", quota: filled.body.quota as Quota, at: moment() });
  return undefined;
}

/** By looks into the history over HTTP, where no burst limit counts them. */
async function useUp(client: BenchClient) {
  const { conversation } = client.current();
  const me = await ask(client, "/me");
  if (me.problem !== undefined) return me;
  const quota = me.body.quota as Quota | null;
  if (quota === null) return { problem: "This plan is without limit." };
  let { remaining } = quota;
  if (remaining > MAX_REQUESTS)
    return { problem: `${remaining} requests are left: too many for the page alone.` };
  while (remaining > 0) {
    const looks = Array.from({ length: Math.min(remaining, AT_ONCE) }, () =>
      ask(client, `/conversations/${conversation}/messages?limit=1`),
    );
    for (const { problem } of await Promise.all(looks)) if (problem !== undefined) return { problem };
    remaining -= looks.length;
  }
  return ask(client, "/me");
}

/** Has the line frozen while long messages come, and go on. Answers a problem, if there is one. */
export async function readSlowly(bench: Bench, client: BenchClient): Promise<string | undefined> {
  const { conversation, allowance } = client.current();
  if (allowance && allowance.remaining < LONG_MESSAGES)
    return `This takes ${LONG_MESSAGES} requests, and ${allowance.remaining} are left.`;
  const frozen = await askForFault(bench, client, { do: "freeze", seconds: DEAF });
  if (frozen.problem !== undefined) return frozen.problem;
  let problem: string | undefined;
  for (let n = 1; n <= LONG_MESSAGES && problem === undefined; n++) {
    const text = `Long message ${n} of ${LONG_MESSAGES}, for a reader that does not read`;
    const message = { id: newId(), text, data: { padding: "x".repeat(LONG) } };
    ({ problem } = await post(client, `/conversations/${conversation}/messages`, message));
  }
  return (await askForFault(bench, client, { do: "thaw" })).problem ?? problem;
}
