import type { ListPage } from "../../core/collections/list-page.ts";
import type { RedisClient } from "./connection/client.ts";

/** The number of keys that one SCAN visits: Redis serves no other client during a command. */
const SCAN_COUNT = 500;

/** Most SCANs for one page, so that the time of a request does not grow with the number of other keys. */
const MAX_SCANS = 20;

/** Where a page ended: the primary, the cursor of SCAN, and the last key that was taken of what SCAN returns there. */
interface Place {
  readonly primary: number;
  readonly scan: string;
  readonly after: string;
}

/**
 * Returns some keys that match `pattern`, one primary after the other; undefined for a cursor that is none. A key that is there
 * all the time is on one of the pages. One can be on two, if Redis resizes its table or a slot moves.
 */
export async function scanPage(
  client: Pick<RedisClient, "primaries">,
  pattern: string,
  limit: number,
  cursor: string | undefined,
): Promise<ListPage<string> | undefined> {
  let place: Place | undefined =
    cursor === undefined ? { primary: 0, scan: "0", after: "" } : decodePlace(cursor);
  if (place === undefined) return undefined;
  const primaries = inOrder(client.primaries);
  const keys: string[] = [];
  for (let scans = 0; scans < MAX_SCANS && keys.length < limit; scans++) {
    const { primary, scan, after } = place as Place;
    const server = primaries[primary];
    if (server === undefined) return { items: keys, next: undefined };
    const [next, found] = await server.scan(scan, "MATCH", pattern, "COUNT", SCAN_COUNT);
    // In an order, so that the next page can begin in the middle of what one SCAN returns.
    const rest = [...new Set(found)].filter((key) => key > after).sort();
    const taken = rest.slice(0, limit - keys.length);
    keys.push(...taken);
    if (taken.length < rest.length) place = { primary, scan, after: taken.at(-1) ?? after };
    else
      place =
        next === "0" ? { primary: primary + 1, scan: next, after: "" } : { primary, scan: next, after: "" };
  }
  return { items: keys, next: place.primary < primaries.length ? encodePlace(place) : undefined };
}

/** Every node must number the primaries alike. */
function inOrder(primaries: RedisClient["primaries"]): RedisClient["primaries"] {
  const name = ({ options }: RedisClient["primaries"][number]) => `${options.host}:${options.port}`;
  return primaries.length < 2
    ? primaries
    : [...primaries].sort((one, other) => (name(one) < name(other) ? -1 : 1));
}

function encodePlace({ primary, scan, after }: Place): string {
  return `${primary}.${scan}.${after}`;
}

function decodePlace(cursor: string): Place | undefined {
  const [, primary, scan, after] = /^(\d{1,4})\.(\d{1,20})\.(.*)$/s.exec(cursor) ?? [];
  return primary === undefined ? undefined : { primary: Number(primary), scan: scan!, after: after! };
}
