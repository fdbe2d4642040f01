/** The most renderings in a second. Each takes a part of a turn of the event loop in which nobody's message is handled. */
const MAX_RENDERINGS_PER_S = 5;

/**
 * Renders a text for each reader, and for many at once only some: readers who come while it is being rendered share it, and over
 * MAX_RENDERINGS_PER_S they get the last one. So readers cannot delay the conversations, however many requests they send without reading.
 */
export class BoundedRenderer {
  private current: Promise<string> | undefined;
  private last: string | undefined;
  private second = Number.NEGATIVE_INFINITY;
  private count = 0;

  /** `now` in milliseconds. */
  constructor(
    private readonly render: () => Promise<string>,
    private readonly now: () => number,
  ) {}

  /** Returns the text, at most a second old. */
  async read(): Promise<string> {
    if (this.current !== undefined) return this.current;
    const second = Math.floor(this.now() / 1000);
    if (second !== this.second) this.count = 0;
    this.second = second;
    if (this.count >= MAX_RENDERINGS_PER_S && this.last !== undefined) return this.last;
    this.count++;
    this.current = this.render();
    try {
      this.last = await this.current;
      return this.last;
    } finally {
      this.current = undefined;
    }
  }
}
