import type { Random } from "../../support/random.ts";
import { type OperatorApi, Refused } from "./operator-api.ts";
import { excludes, type Measure, type Sanction } from "./sanction.ts";

/** A conversation of a run with all its users. */
export interface Group {
  readonly conversation: string;
  readonly isPrivate: boolean;
  readonly users: readonly string[];
  /** The users whom the operator bans, removes and mutes. */
  readonly targets: readonly string[];
}

/** Milliseconds between two changes; a third of the targets is under a measure at any time. */
const PAUSE_MS = [20, 300] as const;

/** How often all measures are ended before it counts as impossible: a store that loses something brings some back. */
const MAX_STOP_ROUNDS = 5;

/** Seconds of a mute that ends by itself, as long as a client waits for a few answers. */
const SHORT_MUTE_S = 1;

/**
 * The operator of a run: makes some of its conversations private, and bans, removes, adds again and mutes their users while
 * everything else goes on. It records when each measure was in force for certain.
 */
export class Operator {
  readonly sanctions: Sanction[] = [];
  /** What servers refused while nothing was known to be lost; a sentence for each. */
  readonly refusals: string[] = [];
  /** By conversation and user: the newest `seq` when the user was last made a member, at most. */
  readonly joinedBy = new Map<string, number>();
  private readonly active = new Map<string, Sanction>();
  private queue: Promise<void> = Promise.resolve();
  private running = false;
  /** Whether the store may be losing what was confirmed. */
  private uncertain = false;
  /** When it began to be so, in milliseconds since 1970. */
  private interruptedAt = 0;
  /** What ended the changes that `start` makes. */
  private failure: unknown;

  constructor(
    private readonly groups: readonly Group[],
    private readonly api: OperatorApi,
    private readonly random: Random,
  ) {}

  /** The measures in force, by what the operator wants. */
  get inForce(): readonly Sanction[] {
    return [...this.active.values()];
  }

  /** The messages that it tried to send in the name of users under a measure. */
  get tried() {
    return this.api.tried;
  }

  /** Whether the user may not read the conversation, by what the operator wants. */
  readonly isExcluded = ({ conversation, user }: { conversation: string; user: string }): boolean => {
    const sanction = this.active.get(`${conversation}/${user}`);
    return sanction !== undefined && excludes(sanction);
  };

  /** Makes the private conversations. MUST be called before clients connect. */
  async open(): Promise<void> {
    for (const group of this.groups) await this.setUp(group);
  }

  start(): void {
    this.running = true;
    const next = () => {
      if (!this.running) return;
      void this.perform(() => this.change()).then(
        () => setTimeout(next, this.random.between(...PAUSE_MS)),
        (error) => {
          this.failure = error;
        },
      );
    };
    next();
  }

  /** Throws what ended the changes, if they ended before `stop`. */
  throwFailure(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** Makes no more changes, and ends all measures. */
  async stop(): Promise<void> {
    this.running = false;
    await this.queue;
    this.throwFailure();
    for (let round = 0; this.active.size > 0 && round < MAX_STOP_ROUNDS; round++)
      for (const sanction of this.inForce) await this.perform(() => this.lift(sanction));
  }

  /** Bans all targets: each run has bans at a time at which their clients are connected. */
  async banAll(): Promise<void> {
    for (const { conversation, targets } of this.groups)
      for (const user of targets) await this.perform(() => this.impose(conversation, user, "ban"));
  }

  /** Ends half of the measures. */
  async liftHalf(): Promise<void> {
    const shuffled = this.inForce
      .map((sanction) => ({ sanction, key: this.random.next() }))
      .sort((a, b) => a.key - b.key);
    for (const { sanction } of shuffled.slice(0, shuffled.length / 2))
      await this.perform(() => this.lift(sanction));
  }

  /** The store may lose what was confirmed, from now until `restore`. */
  interrupt(): void {
    this.uncertain = true;
    this.interruptedAt = Date.now();
    for (const sanction of this.active.values()) sanction.endAsked ??= this.interruptedAt;
  }

  /** Brings the store back to what the operator wants. MUST be called when nothing is being lost any more. */
  restore(): Promise<void> {
    return this.enqueue(() => this.assertAll());
  }

  private async assertAll(): Promise<void> {
    this.uncertain = false;
    for (const group of this.groups) {
      // The store may have bans again that were lifted, and takes no banned user as a member.
      for (const user of group.targets) await this.liftOthers(group, user);
      await this.setUp(group);
      for (const user of group.targets) await this.assert(group, user);
    }
    for (const sanction of this.sanctions) {
      const { endAsked, ended = Number.POSITIVE_INFINITY } = sanction;
      // What was ended meanwhile may have been back.
      if (endAsked !== undefined && ended >= this.interruptedAt) sanction.ended = Date.now();
    }
  }

  private async setUp({ conversation, isPrivate, users }: Group): Promise<void> {
    if (!isPrivate) return;
    const members = users.filter((user) => !this.isExcluded({ conversation, user }));
    const seq = await this.api.makePrivate(conversation, members);
    for (const user of members) this.joinedBy.set(`${conversation}/${user}`, seq);
  }

  private async change(): Promise<void> {
    const choices = this.groups.flatMap((group) => group.targets.map((user) => ({ group, user })));
    if (choices.length === 0) return;
    const { group, user } = this.random.pick(choices);
    const sanction = this.active.get(`${group.conversation}/${user}`);
    if (sanction !== undefined) return this.lift(sanction);
    if (this.random.next() < 0.5) return;
    const measures: Measure[] = group.isPrivate ? ["ban", "ban", "removal", "mute"] : ["ban", "mute"];
    await this.impose(group.conversation, user, this.random.pick(measures));
  }

  private async impose(conversation: string, user: string, measure: Measure): Promise<void> {
    const sanction: Sanction = { conversation, user, measure, asked: Date.now() };
    this.sanctions.push(sanction);
    this.active.set(`${conversation}/${user}`, sanction);
    if (this.uncertain) sanction.endAsked = sanction.asked;
    const seconds = measure === "mute" && this.random.next() < 0.5 ? SHORT_MUTE_S : undefined;
    const until = await this.api.impose(conversation, user, measure, seconds);
    sanction.confirmed = Date.now();
    if (until !== undefined) sanction.endAsked ??= until;
    // What the user writes after that answer must be refused, also over HTTP.
    await this.api.speak(conversation, user);
  }

  private async lift(sanction: Sanction): Promise<void> {
    const { conversation, user, measure } = sanction;
    sanction.endAsked = Math.min(sanction.endAsked ?? Number.POSITIVE_INFINITY, Date.now());
    const isPrivate = this.groups.some((group) => group.conversation === conversation && group.isPrivate);
    await this.api.lift(conversation, user, measure);
    if (isPrivate && excludes(sanction)) await this.add(conversation, user);
    sanction.ended = Date.now();
    this.active.delete(`${conversation}/${user}`);
  }

  private async add(conversation: string, user: string): Promise<void> {
    this.joinedBy.set(`${conversation}/${user}`, await this.api.add(conversation, user));
  }

  /** Ends the measures that are not wanted of a user and may have come back. */
  private async liftOthers({ conversation }: Group, user: string): Promise<void> {
    const wanted = this.active.get(`${conversation}/${user}`)?.measure;
    for (const measure of ["ban", "mute"] as const)
      if (measure !== wanted) await this.api.lift(conversation, user, measure);
  }

  /** Stores again what is wanted of a user whose measures may have been lost. */
  private async assert({ conversation, isPrivate }: Group, user: string): Promise<void> {
    const key = `${conversation}/${user}`;
    const before = this.active.get(key);
    this.active.delete(key);
    if (isPrivate && (before === undefined || !excludes(before))) await this.add(conversation, user);
    if (before !== undefined) await this.impose(conversation, user, before.measure);
  }

  /**
   * Makes a change. A refusal while the store may be losing something is a result of that: `restore` makes the change again. At another
   * time it is noted, and all that is wanted is stored again: a Sentinel may have taken a busy Redis for dead.
   */
  private perform(work: () => Promise<void>): Promise<void> {
    return this.enqueue(async () => {
      try {
        await work();
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (this.uncertain) return;
        this.refusals.push(error.message);
        this.interrupt();
        await this.assertAll();
      }
    });
  }

  private enqueue(work: () => Promise<void>): Promise<void> {
    const done = this.queue.then(work);
    this.queue = done.catch(() => {});
    return done;
  }
}
