import { accessSync, constants, statSync } from "node:fs";
import { isIP, isIPv6 } from "node:net";
import type { RedisAddress } from "../../core/redis-address.ts";
import type { ParseResult, SettingParser } from "./parser.ts";
import { parseRedisUrl } from "./redis-url.ts";

/** A whole number, both ends included. */
export function integer(form: string, min: number, max: number): SettingParser<number> {
  return number(form, `a whole number from ${min} to ${max}`, /^\d+$/, min, max);
}

/** A duration in seconds, decimals allowed; both ends included. */
export function seconds(min: number, max: number): SettingParser<number> {
  return number("seconds", `a number of seconds from ${min} to ${max}`, /^\d+(\.\d+)?$/, min, max);
}

function number(
  form: string,
  accepts: string,
  pattern: RegExp,
  min: number,
  max: number,
): SettingParser<number> {
  return {
    form,
    accepts,
    parse(text) {
      const value = Number(text);
      return pattern.test(text) && value >= min && value <= max
        ? { value }
        : { problem: `must be ${accepts}, without a unit` };
    },
  };
}

/** One of a few words. */
export function choice<const W extends string>(...words: readonly W[]): SettingParser<W> {
  const accepts = words.map((word) => `\`${word}\``).join(", ");
  return {
    form: words.join("|"),
    accepts: `one of ${accepts}`,
    parse(text) {
      const value = words.find((word) => word === text.toLowerCase());
      return value === undefined ? { problem: `must be one of ${words.join(", ")}` } : { value };
    },
  };
}

const YES = ["true", "yes", "on", "1"];
const NO = ["false", "no", "off", "0"];

/** Yes or no, in the words that people use for it. */
export const boolean: SettingParser<boolean> = {
  form: "true|false",
  accepts: "`true` or `false`",
  parse(text) {
    const word = text.toLowerCase();
    if (YES.includes(word)) return { value: true };
    return NO.includes(word) ? { value: false } : { problem: "must be true or false" };
  },
};

/** Yes or no, or the word for a case that a plain yes does not cover. */
export const testFaultsMode: SettingParser<"off" | "on" | "public"> = {
  form: "true|false|public",
  accepts: "`true`, `false` or `public`",
  parse(text) {
    if (text.toLowerCase() === "public") return { value: "public" };
    const parsed = boolean.parse(text);
    if ("problem" in parsed) return { problem: "must be true, false or public" };
    return { value: parsed.value ? "on" : "off" };
  },
};

/** Any text. */
export function anyString(form: string, accepts: string): SettingParser<string> {
  return { form, accepts, parse: (text) => ({ value: text }) };
}

/** A path of a file that can be read now. */
export const readableFile: SettingParser<string> = {
  form: "file",
  accepts: "the path of a readable file",
  parse(text) {
    try {
      accessSync(text, constants.R_OK);
      if (statSync(text).isFile()) return { value: text };
    } catch {}
    return { problem: "must be the path of a file that the server can read" };
  },
};

/** A host name or address to listen on, without a port. */
export const host: SettingParser<string> = {
  form: "host",
  accepts: "a host name or an address",
  parse: (text) =>
    isIPv6(text) || /^[A-Za-z0-9.-]+$/.test(text)
      ? { value: text }
      : { problem: "must be a host name or an address, without a scheme or a port (the port is PORT)" },
};

/** Items with commas between them; `item` checks each and returns its value. `isSecret`: no message repeats one. */
export function list<T extends string>(
  form: string,
  accepts: string,
  item: (text: string) => ParseResult<T>,
  isSecret = false,
): SettingParser<readonly T[]> {
  return {
    form,
    accepts,
    parse(text) {
      const value: T[] = [];
      for (const part of text.split(",").map((part) => part.trim())) {
        if (part === "") continue;
        const parsed = item(part);
        const shown = isSecret ? "one" : JSON.stringify(part);
        if ("problem" in parsed) return { problem: `has ${shown}, which ${parsed.problem}` };
        value.push(parsed.value);
      }
      return { value };
    },
  };
}

/** A browser's origin as it is sent in `Origin`: small letters, no default port. `null` is one too, if listed (W2). */
export function origin(text: string): ParseResult<string> {
  if (text === "null") return { value: text };
  const problem =
    "must be scheme://host or scheme://host:port, without a path, as in https://chat.example.com";
  if (!URL.canParse(text)) return { problem };
  const url = new URL(text);
  const bare = url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
  const web = url.protocol === "http:" || url.protocol === "https:";
  return bare && web && !text.endsWith("/") && !text.includes("*") ? { value: url.origin } : { problem };
}

/** An address, or a network as address/length. */
export function network(text: string): ParseResult<string> {
  const [address = "", length, ...more] = text.split("/");
  const family = isIP(address);
  const bits = length === undefined ? 0 : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  return family !== 0 && more.length === 0 && bits <= (family === 4 ? 32 : 128)
    ? { value: text }
    : { problem: "must be an address or a network, as in 10.0.0.0/8" };
}

/**
 * The address of a key set: https, or plain http on this machine, where no attacker can replace the keys on the way.
 */
export const keySetUrl: SettingParser<string> = {
  form: "url",
  accepts: "an https URL",
  parse(text) {
    if (URL.canParse(text)) {
      const { protocol, hostname } = new URL(text);
      const local = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
      if (protocol === "https:" || (protocol === "http:" && local)) return { value: text };
    }
    return { problem: "must be an https URL, as in https://id.example.com/.well-known/jwks.json" };
  },
};

/** The address of a server of the operator's own, by http or https. */
export const httpUrl: SettingParser<string> = {
  form: "url",
  accepts: "an http or https URL",
  parse(text) {
    const { protocol, hash } = URL.canParse(text) ? new URL(text) : { protocol: "", hash: "" };
    return (protocol === "http:" || protocol === "https:") && hash === ""
      ? { value: text }
      : { problem: "must be an http or https URL, as in https://app.example.com/approve" };
  },
};

/** Where Redis is, as one URL. */
export const redisUrl: SettingParser<RedisAddress> = {
  form: "url",
  accepts: "a redis://, rediss:// or redis+sentinel:// URL",
  parse: parseRedisUrl,
};

/** Braces would tear apart what must share a slot of Redis Cluster. */
export const redisPrefix: SettingParser<string> = {
  form: "name",
  accepts: "1–64 of A-Z a-z 0-9 . _ : -",
  parse: (text) =>
    /^[A-Za-z0-9._:-]{1,64}$/.test(text)
      ? { value: text }
      : { problem: "must be 1–64 characters of A-Z a-z 0-9 . _ : -" },
};
