// The wire as data, for test/protocol/wire-version.test.ts. Run as a program it writes the state that src/protocol is
// in: `npm run wire`, after an entry in PROTOCOL_HISTORY (src/protocol/version.ts).
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { CLIENT_FRAMES } from "../../src/protocol/client-frames.ts";
import { CLOSE_CODES } from "../../src/protocol/close-codes.ts";
import { ERRORS } from "../../src/protocol/errors.ts";
import * as limits from "../../src/protocol/limits.ts";
import { SERVER_FRAMES } from "../../src/protocol/server-frames.ts";
import { PROTOCOL_HISTORY, SUBPROTOCOL, type WireState } from "../../src/protocol/version.ts";

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
type Side = "client" | "server";

/** All that a client written from the document depends on. */
export interface Wire {
  readonly subprotocol: string;
  readonly limits: Readonly<Record<string, number>>;
  readonly errors: readonly string[];
  readonly closes: readonly string[];
  /** JSON Schemas by `type`. */
  readonly client: Readonly<Record<string, Json>>;
  readonly server: Readonly<Record<string, Json>>;
}

/** The wire as src/protocol has it now. */
export function currentWire(): Wire {
  const schemas = (frames: Readonly<Record<string, z.ZodType>>, io: "input" | "output") =>
    Object.fromEntries(
      Object.entries(frames).map(([type, schema]) => [
        type,
        // A rule that only code checks has its type in its `meta`.
        z.toJSONSchema(schema, { io, unrepresentable: "any" }) as unknown as Json,
      ]),
    );
  const wire: Wire = {
    subprotocol: SUBPROTOCOL,
    limits,
    errors: Object.keys(ERRORS),
    closes: Object.keys(CLOSE_CODES),
    client: schemas(CLIENT_FRAMES, "input"),
    server: schemas(SERVER_FRAMES, "output"),
  };
  return JSON.parse(JSON.stringify(wire));
}

/** Where a state of the wire is kept. */
export function pathOf({ version, revision }: WireState): string {
  return join(import.meta.dir, "wire", `${version}.${revision}.json`);
}

/** The differences in `after` that would break a client written for `before`; empty when all of them are additions. */
export function breaks(before: Wire, after: Wire): string[] {
  const sides: Side[] = ["client", "server"];
  return [
    ...(before.subprotocol === after.subprotocol ? [] : ["subprotocol"]),
    ...Object.keys(before.limits).filter((name) => !(after.limits[name]! >= before.limits[name]!)),
    ...before.errors.filter((code) => !after.errors.includes(code)),
    ...before.closes.filter((code) => !after.closes.includes(code)),
    ...sides.flatMap((side) =>
      Object.entries(before[side]).flatMap(([type, schema]) =>
        broken(side, `${side} \`${type}\``, schema, after[side][type]),
      ),
    ),
  ];
}

/** Compares two schemas. A frame of the client may require less than before, a frame of the server may contain more. */
function broken(side: Side, path: string, before: Json, after: Json | undefined): string[] {
  if (!isObject(before) || !isObject(after)) return same(before, after) ? [] : [path];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) => {
    const [old, now] = [before[name], after[name]];
    const here = `${path}.${name}`;
    if (name === "required") {
      const [less, more] = side === "client" ? [now, old] : [old, now];
      return within(less, more) ? [] : [here];
    }
    if (name === "enum") return within(old, now) ? [] : [here];
    if (name === "properties" && isObject(old) && isObject(now))
      return Object.entries(old).flatMap(([field, schema]) =>
        broken(side, `${path}.${field}`, schema, now[field]),
      );
    return old === undefined ? [here] : broken(side, here, old, now);
  });
}

function within(some: Json | undefined, all: Json | undefined): boolean {
  const [a, b] = [some ?? [], all ?? []] as [Json[], Json[]];
  return a.every((one) => b.includes(one));
}

function same(one: Json | undefined, other: Json | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

if (import.meta.main) writeFileSync(pathOf(PROTOCOL_HISTORY.at(-1)!), JSON.stringify(currentWire(), null, 2));
