import type { Plan } from "../../core/access/plans.ts";
import type { ParseResult, SettingParser } from "./parser.ts";

/** Most requests an hour a plan can have; the log of one user's hour then takes some 16 MB. Larger: 0, unmetered. */
const MAX_REQUESTS = 1_000_000;

/** Most connections a plan can give one user. */
const MAX_CONNECTIONS = 100_000;

/** The table of plans, `name:requests:connections,…`: requests an hour and connections at a time, 0 without limit. */
export const planList: SettingParser<ReadonlyMap<string, Plan>> = {
  form: "plans",
  accepts: "`name:requests:connections` with commas between the plans; 0 is without limit",
  parse(text) {
    const plans = new Map<string, Plan>();
    for (const part of text.split(",").map((part) => part.trim())) {
      const parsed = plan(part);
      if ("problem" in parsed)
        return { problem: `has ${JSON.stringify(part)}, which ${parsed.problem}; write it like free:100:5` };
      if (plans.has(parsed.value.name)) return { problem: `names the plan ${parsed.value.name} twice` };
      plans.set(parsed.value.name, parsed.value);
    }
    return { value: plans };
  },
};

function plan(text: string): ParseResult<Plan> {
  const parts = text.split(":").map((part) => part.trim());
  const [name = "", requests = "", connections = ""] = parts;
  if (parts.length !== 3) return { problem: "must have three parts, name:requests:connections" };
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(name))
    return { problem: "must begin with a name of 1–32 characters of A-Z a-z 0-9 _ -" };
  if (!isWhole(requests, MAX_REQUESTS))
    return { problem: `must have a whole number of requests an hour, 0 (no limit) to ${MAX_REQUESTS}` };
  if (!isWhole(connections, MAX_CONNECTIONS))
    return { problem: `must have a whole number of connections, 0 (no limit) to ${MAX_CONNECTIONS}` };
  return { value: { name, requestsPerHour: Number(requests), connections: Number(connections) } };
}

function isWhole(text: string, max: number): boolean {
  return /^\d+$/.test(text) && Number(text) <= max;
}
