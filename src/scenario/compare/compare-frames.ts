// Compares a received frame with the expected one.
import { allowsAbsence, isMatcher, type Matcher, matches } from "../format/matchers.ts";
import type { Frame, RecordingKind } from "../format/recording.ts";
import { FIELD_RULES, type FieldRule, MESSAGE_FIELDS, SIGNIFICANT_OPTIONAL_FIELDS } from "./field-rules.ts";
import type { NameMapping } from "./name-mapping.ts";

/** One field that is not as expected; `path` is for example `quota.remaining`, values are those of this run. */
export interface Difference {
  readonly path: string;
  /** Undefined if the field should be absent. */
  readonly expected?: unknown;
  /** The received value; undefined if the field is missing. */
  readonly received?: unknown;
}

/** The facts of the run that a comparison needs. */
export interface CompareContext {
  readonly kind: RecordingKind;
  readonly mapping: NameMapping;
  /** The conversation and epoch of the connection; see name-mapping.ts. */
  readonly epochKey: string;
  /** Whether present users are compared: not if the recording ignores presence. */
  readonly comparesPresence: boolean;
}

export interface Comparison {
  readonly differences: readonly Difference[];
  /** Stores the ids and epochs of this frame. Call it once the frame is accepted as the expected one. */
  readonly learn: () => void;
}

/** Compares a frame with an expectation of the same type; in a scenario only the fields that the expectation names. */
export function compareFrames(expected: Frame, received: Frame, context: CompareContext): Comparison {
  const comparer = new Comparer(context);
  const type = String(expected.type);
  comparer.compareFields(
    expected,
    received,
    FIELD_RULES[type] ?? {},
    SIGNIFICANT_OPTIONAL_FIELDS[type] ?? [],
  );
  return { differences: comparer.differences, learn: () => comparer.learn() };
}

class Comparer {
  readonly differences: Difference[] = [];
  /** New ids and epochs of this frame, stored only if it is the expected one. */
  private readonly newIds = new Map<string, string>();
  private readonly newEpochs = new Map<string, string>();

  constructor(private readonly context: CompareContext) {}

  learn(): void {
    for (const [recorded, received] of this.newIds) this.context.mapping.learnId(recorded, received);
    for (const [recorded, received] of this.newEpochs) this.context.mapping.learnEpoch(recorded, received);
  }

  /** Compares the named fields of an object, and reports significant fields that were not expected. */
  compareFields(
    expected: Frame,
    received: Frame,
    kinds: Readonly<Record<string, FieldRule>>,
    optional: readonly string[],
    path = "",
  ): void {
    for (const [name, want] of Object.entries(expected)) {
      const fieldPath = path === "" ? name : `${path}.${name}`;
      const has = Object.hasOwn(received, name) ? received[name] : undefined;
      if (isMatcher(want)) this.matcher(fieldPath, want, has);
      else this.field(fieldPath, want, has, Object.hasOwn(kinds, name) ? kinds[name] : undefined);
    }
    if (this.context.kind === "scenario") return;
    for (const name of optional)
      if (Object.hasOwn(received, name) && !Object.hasOwn(expected, name))
        this.differences.push({ path: path === "" ? name : `${path}.${name}`, received: received[name] });
  }

  private field(path: string, want: unknown, received: unknown, kind: FieldRule | undefined): void {
    const { kind: recordingKind, mapping, epochKey } = this.context;
    switch (kind) {
      case "free":
        if (recordingKind === "scenario") {
          this.value(path, want, received);
          return;
        }
        if (received === undefined) {
          this.differ(path, want, received);
          return;
        }
        this.matchersWithin(path, want, received);
        return;
      case "seq":
        this.value(path, typeof want === "number" ? mapping.seq(epochKey, want) : want, received);
        return;
      case "range":
        if (isRecord(want) && isRecord(received))
          this.compareFields(want, received, { first: "seq", last: "seq" }, [], path);
        else this.value(path, want, received);
        return;
      case "id":
        this.compareName(
          path,
          want,
          received,
          mapping.id(String(want)),
          mapping.isNewId.bind(mapping),
          this.newIds,
        );
        return;
      case "epoch":
        this.compareName(
          path,
          want,
          received,
          mapping.epoch(String(want)),
          mapping.isNewEpoch.bind(mapping),
          this.newEpochs,
        );
        return;
      case "user":
        this.value(path, typeof want === "string" ? mapping.user(want) : want, received);
        return;
      case "conversation":
        this.value(path, typeof want === "string" ? mapping.conversation(want) : want, received);
        return;
      case "plan":
        // The plan belongs to the user: a user who replaces the recorded one may have another plan.
        if (recordingKind === "scenario" || !mapping.anyRenamed) this.value(path, want, received);
        return;
      case "present":
        this.present(path, want, received);
        return;
      case "messages":
        this.messages(path, want, received);
        return;
      case "more":
        if (recordingKind === "scenario" || startsEmpty(mapping, epochKey)) this.value(path, want, received);
        return;
      case undefined:
        this.value(path, want, received);
        return;
      default:
        kind satisfies never;
    }
  }

  /** Compares a name that the server generates: the first time any new name matches, from then on the same one. */
  private compareName(
    path: string,
    want: unknown,
    received: unknown,
    known: string | undefined,
    isNew: (name: string) => boolean,
    learned: Map<string, string>,
  ): void {
    const bound = known ?? learned.get(String(want));
    if (typeof want !== "string" || typeof received !== "string" || bound !== undefined) {
      this.value(path, bound ?? want, received);
      return;
    }
    if (!isNew(received) || [...learned.values()].includes(received)) {
      this.differ(path, want, received);
      return;
    }
    learned.set(want, received);
  }

  /** Compares the present users in any order. Users that are not part of the recording are ignored. */
  private present(path: string, want: unknown, received: unknown): void {
    if (this.context.kind === "recording" && !this.context.comparesPresence) return;
    if (!Array.isArray(want) || !Array.isArray(received)) {
      this.value(path, want, received);
      return;
    }
    const kinds = { user: "user", since: "free", read: "seq" } as const;
    for (const [index, one] of want.entries()) {
      const itemPath = `${path}[${index}]`;
      const user = this.context.mapping.user(String(one?.user));
      const same = received.find((one) => one?.user === user);
      if (same === undefined) this.differ(`${itemPath}.user`, user, undefined);
      else this.compareFields(one, same, kinds, ["read"], itemPath);
    }
  }

  /** Compares messages, except those from before the recording, or before the run: its clients did not send them. */
  private messages(path: string, want: unknown, received: unknown): void {
    if (!Array.isArray(want) || !Array.isArray(received)) {
      this.value(path, want, received);
      return;
    }
    const { mapping, epochKey, kind } = this.context;
    const base = mapping.base(epochKey);
    const older = (messages: unknown[], limit: number) =>
      messages.filter((one) => !(((one as { seq?: unknown } | null)?.seq as number) <= limit));
    const [wanted, got] =
      kind === "recording" ? [older(want, base.recorded), older(received, base.received)] : [want, received];
    const isComplete = kind === "scenario" || startsEmpty(mapping, epochKey);
    if (isComplete && wanted.length !== got.length) this.differ(`${path}.length`, wanted.length, got.length);
    for (const [index, message] of wanted.entries()) {
      const seq = mapping.seq(epochKey, Number((message as { seq?: unknown } | null)?.seq));
      const same = isComplete
        ? got[index]
        : got.find((one) => (one as { seq?: unknown } | null)?.seq === seq);
      if (same === undefined && !isComplete) this.differ(`${path}[${index}]`, message, undefined);
      if (!isRecord(message) || !isRecord(same)) continue;
      this.compareFields(message, same, MESSAGE_FIELDS, ["data"], `${path}[${index}]`);
    }
  }

  /** Compares values; objects as a whole in a recording, only by the named fields in a scenario. */
  private value(path: string, want: unknown, received: unknown): void {
    if (isMatcher(want)) {
      this.matcher(path, want, received);
      return;
    }
    if (Array.isArray(want) && Array.isArray(received)) {
      if (want.length !== received.length) this.differ(`${path}.length`, want.length, received.length);
      for (let at = 0; at < Math.min(want.length, received.length); at++)
        this.value(`${path}[${at}]`, want[at], received[at]);
      return;
    }
    if (isRecord(want) && isRecord(received)) {
      for (const [name, child] of Object.entries(want))
        this.value(`${path}.${name}`, child, Object.hasOwn(received, name) ? received[name] : undefined);
      if (this.context.kind === "scenario") return;
      for (const name of Object.keys(received))
        if (!Object.hasOwn(want, name)) this.differ(`${path}.${name}`, undefined, received[name]);
      return;
    }
    if (want !== received) this.differ(path, want, received);
  }

  private matcher(path: string, matcher: Matcher, received: unknown): void {
    if (received === undefined) {
      if (!allowsAbsence(matcher)) this.differ(path, matcher, received);
    } else if (!matches(matcher, received)) this.differ(path, matcher, received);
    else if ("$eq" in matcher && !deepEqual(matcher.$eq, received)) this.differ(path, matcher.$eq, received);
  }

  /** Checks only the matchers in a value that may otherwise differ: they were written by hand. */
  private matchersWithin(path: string, want: unknown, received: unknown): void {
    if (isMatcher(want)) {
      this.matcher(path, want, received);
      return;
    }
    if (!isRecord(want) || !isRecord(received)) return;
    for (const [name, child] of Object.entries(want))
      this.matchersWithin(
        `${path}.${name}`,
        child,
        Object.hasOwn(received, name) ? received[name] : undefined,
      );
  }

  private differ(path: string, expected: unknown, received: unknown): void {
    this.differences.push({
      path,
      ...(expected !== undefined && { expected }),
      ...(received !== undefined && { received }),
    });
  }
}

/** Whether the conversation was empty before the recording and before the run, so that pages of `history` match exactly. */
function startsEmpty(mapping: NameMapping, epochKey: string): boolean {
  const { recorded, received } = mapping.base(epochKey);
  return recorded === 0 && received === 0;
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
