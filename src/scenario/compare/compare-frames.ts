// Holds a frame that came against the one that was expected.
import { allowsAbsence, isMatcher, type Matcher, matches } from "../format/matchers.ts";
import type { Frame, RecordingKind } from "../format/recording.ts";
import { FIELD_RULES, type FieldRule, MESSAGE_FIELDS, SIGNIFICANT_OPTIONAL_FIELDS } from "./field-rules.ts";
import type { NameMapping } from "./name-mapping.ts";

/** One place in which a frame is not as expected; `path` is `quota.remaining`, values as they are in this run. */
export interface Difference {
  readonly path: string;
  /** Undefined where the field should not be there. */
  readonly expected?: unknown;
  /** Undefined where the field is missing. */
  readonly came?: unknown;
}

/** What the comparison must know of the run. */
export interface CompareContext {
  readonly kind: RecordingKind;
  readonly mapping: NameMapping;
  /** The life of the conversation that the line is in; see name-mapping.ts. */
  readonly epochKey: string;
  /** Whether present users are compared: not where presence is ignored. */
  readonly comparesPresence: boolean;
}

export interface Comparison {
  readonly differences: readonly Difference[];
  /** Keeps the names that this frame tells. Call it once the frame is taken for the expected one. */
  readonly learn: () => void;
}

/** Compares a frame with an expectation of the same type; in a scenario only the fields that it names. */
export function compareFrames(expected: Frame, came: Frame, context: CompareContext): Comparison {
  const comparer = new Comparer(context);
  const type = String(expected.type);
  comparer.compareFields(expected, came, FIELD_RULES[type] ?? {}, SIGNIFICANT_OPTIONAL_FIELDS[type] ?? []);
  return { differences: comparer.differences, learn: () => comparer.learn() };
}

class Comparer {
  readonly differences: Difference[] = [];
  /** Names that are told in this frame, kept only if it is the expected one. */
  private readonly newIds = new Map<string, string>();
  private readonly newEpochs = new Map<string, string>();

  constructor(private readonly context: CompareContext) {}

  learn(): void {
    for (const [recorded, came] of this.newIds) this.context.mapping.learnId(recorded, came);
    for (const [recorded, came] of this.newEpochs) this.context.mapping.learnEpoch(recorded, came);
  }

  /** The named fields of an object, and those that must not be there. */
  compareFields(
    expected: Frame,
    came: Frame,
    kinds: Readonly<Record<string, FieldRule>>,
    optional: readonly string[],
    path = "",
  ): void {
    for (const [name, want] of Object.entries(expected)) {
      const fieldPath = path === "" ? name : `${path}.${name}`;
      const has = Object.hasOwn(came, name) ? came[name] : undefined;
      if (isMatcher(want)) this.matcher(fieldPath, want, has);
      else this.field(fieldPath, want, has, Object.hasOwn(kinds, name) ? kinds[name] : undefined);
    }
    if (this.context.kind === "scenario") return;
    for (const name of optional)
      if (Object.hasOwn(came, name) && !Object.hasOwn(expected, name))
        this.differences.push({ path: path === "" ? name : `${path}.${name}`, came: came[name] });
  }

  private field(path: string, want: unknown, came: unknown, kind: FieldRule | undefined): void {
    const { kind: file, mapping: names, epochKey: space } = this.context;
    switch (kind) {
      case "free":
        if (file === "scenario") {
          this.value(path, want, came);
          return;
        }
        if (came === undefined) {
          this.differ(path, want, came);
          return;
        }
        this.matchersWithin(path, want, came);
        return;
      case "seq":
        this.value(path, typeof want === "number" ? names.seq(space, want) : want, came);
        return;
      case "range":
        if (isRecord(want) && isRecord(came))
          this.compareFields(want, came, { first: "seq", last: "seq" }, [], path);
        else this.value(path, want, came);
        return;
      case "id":
        this.compareName(path, want, came, names.id(String(want)), names.isNewId.bind(names), this.newIds);
        return;
      case "epoch":
        this.compareName(
          path,
          want,
          came,
          names.epoch(String(want)),
          names.isNewEpoch.bind(names),
          this.newEpochs,
        );
        return;
      case "user":
        this.value(path, typeof want === "string" ? names.user(want) : want, came);
        return;
      case "conversation":
        this.value(path, typeof want === "string" ? names.conversation(want) : want, came);
        return;
      case "plan":
        // It belongs to the user: who plays the part of another may have another plan.
        if (file === "scenario" || !names.anyRenamed) this.value(path, want, came);
        return;
      case "present":
        this.present(path, want, came);
        return;
      case "messages":
        this.messages(path, want, came);
        return;
      case "more":
        if (file === "scenario" || startsEmpty(names, space)) this.value(path, want, came);
        return;
      case undefined:
        this.value(path, want, came);
        return;
      default:
        kind satisfies never;
    }
  }

  /** A name that the server makes: any that stands for nothing yet, and from then on the same. */
  private compareName(
    path: string,
    want: unknown,
    came: unknown,
    known: string | undefined,
    isNew: (name: string) => boolean,
    learned: Map<string, string>,
  ): void {
    const bound = known ?? learned.get(String(want));
    if (typeof want !== "string" || typeof came !== "string" || bound !== undefined) {
      this.value(path, bound ?? want, came);
      return;
    }
    if (!isNew(came) || [...learned.values()].includes(came)) {
      this.differ(path, want, came);
      return;
    }
    learned.set(want, came);
  }

  /** Who is there, in any order. Who is no part of the recording does not count. */
  private present(path: string, want: unknown, came: unknown): void {
    if (this.context.kind === "recording" && !this.context.comparesPresence) return;
    if (!Array.isArray(want) || !Array.isArray(came)) {
      this.value(path, want, came);
      return;
    }
    const kinds = { user: "user", since: "free", read: "seq" } as const;
    for (const [index, one] of want.entries()) {
      const at = `${path}[${index}]`;
      const user = this.context.mapping.user(String(one?.user));
      const same = came.find((one) => one?.user === user);
      if (same === undefined) this.differ(`${at}.user`, user, undefined);
      else this.compareFields(one, same, kinds, ["read"], at);
    }
  }

  /** Messages that were there before the recording, or before the run, are not compared: nobody of them said those. */
  private messages(path: string, want: unknown, came: unknown): void {
    if (!Array.isArray(want) || !Array.isArray(came)) {
      this.value(path, want, came);
      return;
    }
    const { mapping: names, epochKey: space, kind } = this.context;
    const base = names.base(space);
    const older = (messages: unknown[], limit: number) =>
      messages.filter((one) => !(((one as { seq?: unknown } | null)?.seq as number) <= limit));
    const [wanted, got] =
      kind === "recording" ? [older(want, base.recorded), older(came, base.received)] : [want, came];
    const whole = kind === "scenario" || startsEmpty(names, space);
    if (whole && wanted.length !== got.length) this.differ(`${path}.length`, wanted.length, got.length);
    for (const [index, message] of wanted.entries()) {
      const seq = names.seq(space, Number((message as { seq?: unknown } | null)?.seq));
      const same = whole ? got[index] : got.find((one) => (one as { seq?: unknown } | null)?.seq === seq);
      if (same === undefined && !whole) this.differ(`${path}[${index}]`, message, undefined);
      if (!isRecord(message) || !isRecord(same)) continue;
      this.compareFields(message, same, MESSAGE_FIELDS, ["data"], `${path}[${index}]`);
    }
  }

  /** Values as they stand; objects whole in a recording, by the named fields in a scenario. */
  private value(path: string, want: unknown, came: unknown): void {
    if (isMatcher(want)) {
      this.matcher(path, want, came);
      return;
    }
    if (Array.isArray(want) && Array.isArray(came)) {
      if (want.length !== came.length) this.differ(`${path}.length`, want.length, came.length);
      for (let at = 0; at < Math.min(want.length, came.length); at++)
        this.value(`${path}[${at}]`, want[at], came[at]);
      return;
    }
    if (isRecord(want) && isRecord(came)) {
      for (const [name, child] of Object.entries(want))
        this.value(`${path}.${name}`, child, Object.hasOwn(came, name) ? came[name] : undefined);
      if (this.context.kind === "scenario") return;
      for (const name of Object.keys(came))
        if (!Object.hasOwn(want, name)) this.differ(`${path}.${name}`, undefined, came[name]);
      return;
    }
    if (want !== came) this.differ(path, want, came);
  }

  private matcher(path: string, matcher: Matcher, came: unknown): void {
    if (came === undefined) {
      if (!allowsAbsence(matcher)) this.differ(path, matcher, came);
    } else if (!matches(matcher, came)) this.differ(path, matcher, came);
    else if ("$eq" in matcher && !deepEqual(matcher.$eq, came)) this.differ(path, matcher.$eq, came);
  }

  /** In a value that may be any, what was written by hand is looked at all the same. */
  private matchersWithin(path: string, want: unknown, came: unknown): void {
    if (isMatcher(want)) {
      this.matcher(path, want, came);
      return;
    }
    if (!isRecord(want) || !isRecord(came)) return;
    for (const [name, child] of Object.entries(want))
      this.matchersWithin(`${path}.${name}`, child, Object.hasOwn(came, name) ? came[name] : undefined);
  }

  private differ(path: string, expected: unknown, came: unknown): void {
    this.differences.push({
      path,
      ...(expected !== undefined && { expected }),
      ...(came !== undefined && { came }),
    });
  }
}

/** Nothing was said before, so that pages of `history` begin and end alike. */
function startsEmpty(mapping: NameMapping, epochKey: string): boolean {
  const { recorded, received: came } = mapping.base(epochKey);
  return recorded === 0 && came === 0;
}

export function isRecord(value: unknown): value is Frame {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function deepEqual(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const [left, right] = [Object.entries(a), Object.keys(b)];
  if (Array.isArray(a) !== Array.isArray(b) || left.length !== right.length) return false;
  return left.every(([name, child]) => Object.hasOwn(b, name) && deepEqual(child, (b as Frame)[name]));
}
