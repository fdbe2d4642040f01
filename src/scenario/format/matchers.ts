// Matchers that can replace a value in an expectation: {"$any":true}, {"$match":"^a"}, {"$type":"number"},
// {"$gte":1,"$lte":5}, {"$eq":…}, {"$absent":true}. A real object with such names is written as {"$eq":{…}}.

const TYPES: readonly string[] = ["string", "number", "boolean", "object", "array", "null"];

/** By matcher: returns the problem of its value; undefined if the value is valid. */
const MATCHERS: Readonly<Record<string, (value: unknown) => string | undefined>> = {
  $any: (value) => (value === true ? undefined : "must be true"),
  $absent: (value) => (value === true ? undefined : "must be true"),
  $eq: () => undefined,
  $gte: (value) => (typeof value === "number" ? undefined : "must be a number"),
  $lte: (value) => (typeof value === "number" ? undefined : "must be a number"),
  $type: (value) => (TYPES.includes(value as string) ? undefined : `must be one of ${TYPES.join(", ")}`),
  $match: (value) => {
    if (typeof value !== "string") return "must be a regular expression in a string";
    try {
      new RegExp(value, "u");
      return undefined;
    } catch {
      return `${JSON.stringify(value)} is not a valid regular expression`;
    }
  },
};

export type Matcher = Readonly<Record<string, unknown>>;

/** Whether `value` is a matcher, not a value: an object all of whose names begin with `$`. */
export function isMatcher(value: unknown): value is Matcher {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const names = Object.keys(value);
  return names.length > 0 && names.every((name) => name.startsWith("$"));
}

/** Whether an absent value matches. */
export function allowsAbsence(value: unknown): boolean {
  return isMatcher(value) && value.$absent === true;
}

/** Returns the first problem of the matchers in `value`, with its path; undefined if all are valid. */
export function invalidMatcher(value: unknown, path = ""): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (isMatcher(value)) {
    for (const [name, given] of Object.entries(value)) {
      const check = Object.hasOwn(MATCHERS, name) ? MATCHERS[name] : undefined;
      const known = Object.keys(MATCHERS).join(", ");
      const problem = check === undefined ? `is not a matcher; use one of ${known}` : check(given);
      if (problem !== undefined) return `${path === "" ? "" : `${path}: `}${name} ${problem}`;
    }
    return undefined;
  }
  for (const [name, child] of Object.entries(value)) {
    const problem = invalidMatcher(child, path === "" ? name : `${path}.${name}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Whether `value` meets every condition of `matcher` except `$eq`, which the comparison itself checks. */
export function matches(matcher: Matcher, value: unknown): boolean {
  if (matcher.$absent === true && value !== undefined) return false;
  if (typeof matcher.$match === "string")
    if (typeof value !== "string" || !new RegExp(matcher.$match, "u").test(value)) return false;
  if (typeof matcher.$type === "string" && typeName(value) !== matcher.$type) return false;
  if (typeof matcher.$gte === "number" && !(typeof value === "number" && value >= matcher.$gte)) return false;
  if (typeof matcher.$lte === "number" && !(typeof value === "number" && value <= matcher.$lte)) return false;
  return true;
}

/** Wraps objects that look like matchers in `$eq`, so that a received value is expected exactly. */
export function escapeMatchers(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (isMatcher(value)) return { $eq: value };
  if (Array.isArray(value)) return value.map(escapeMatchers);
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, escapeMatchers(child)]));
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
