/**
 * Requests in the order in which they were made, each kept until it is answered.
 *
 * One at a time is under way. With more, a refusal of the first (over quota, store away) could be followed by an accepted
 * second, and the conversation would read in another order than it was written; the plans allow fewer requests a second
 * than one round trip each. Time is an argument, in milliseconds since 1970.
 */
export class Outbox<R extends { readonly id: string }> {
  private requests: R[] = [];
  private underWay: string | undefined;
  private notBefore = 0;
  /** How often the first request was put off. */
  private putOffs = 0;

  constructor(private readonly limit: number) {}

  /** What is not answered yet, the oldest first. */
  get pending(): readonly R[] {
    return this.requests;
  }

  has(id: string): boolean {
    return this.requests.some((request) => request.id === id);
  }

  /** Takes a request; false when it has as many as it may. */
  add(request: R): boolean {
    if (this.requests.length >= this.limit) return false;
    this.requests.push(request);
    return true;
  }

  /** Takes what was kept from an earlier life, before what was added in this one. */
  restore(requests: readonly R[]): void {
    this.requests.unshift(...requests.filter(({ id }) => !this.has(id)));
  }

  /** The request to send now, which is then under way; undefined when there is none, or not yet. */
  next(now: number): R | undefined {
    const at = this.readyAt();
    if (at === undefined || at > now) return undefined;
    const request = this.requests[0];
    this.underWay = request?.id;
    return request;
  }

  /** When the next request may be sent; undefined when none waits to be sent. */
  readyAt(): number | undefined {
    return this.requests.length === 0 || this.underWay !== undefined ? undefined : this.notBefore;
  }

  /** Ends a request, because it was answered or is no longer wanted; false when there is none of that `id`. */
  remove(id: string): boolean {
    const index = this.requests.findIndex((request) => request.id === id);
    if (index < 0) return false;
    this.requests.splice(index, 1);
    if (this.underWay === id) this.underWay = undefined;
    if (index === 0) this.putOffs = 0;
    return true;
  }

  /** Has a refused request sent again, under its `id`, `delay(n)` milliseconds from `now` when it is refused the nth time (from 0). */
  putOff(id: string, now: number, delay: (n: number) => number): void {
    if (this.underWay !== id) return;
    this.underWay = undefined;
    this.notBefore = now + delay(this.putOffs++);
  }

  /** The line is gone: what was under way may or may not have arrived, and is sent again. */
  interrupt(): void {
    this.underWay = undefined;
  }

  /** What was put off need not wait any longer. */
  hasten(): void {
    this.notBefore = 0;
  }
}
