import type { Registry } from "prom-client";

/**
 * A histogram that is cheap enough for each message: `observe` takes some nanoseconds, while that of prom-client takes a
 * microsecond (docs/decisions/0044-metrics.md). The registry writes it like its own.
 */
export class FastHistogram {
  readonly type = "histogram";
  /** By bucket, not cumulative; the last one has what is above all bounds. */
  private readonly counts: Float64Array;
  private sum = 0;

  /** `bounds` MUST ascend. */
  constructor(
    readonly name: string,
    readonly help: string,
    private readonly bounds: readonly number[],
  ) {
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let index = 0;
    while (index < bounds.length && value > bounds[index]!) index++;
    counts[index]!++;
    this.sum += value;
  }

  /** What prom-client's registry asks each metric for. */
  async get(): Promise<object> {
    const { name, help, type, bounds } = this;
    let total = 0;
    const values: object[] = [...this.counts].map((count, index) => {
      total += count;
      return { metricName: `${name}_bucket`, labels: { le: bounds[index] ?? "+Inf" }, value: total };
    });
    values.push({ metricName: `${name}_sum`, labels: {}, value: this.sum });
    values.push({ metricName: `${name}_count`, labels: {}, value: total });
    return { name, help, type, values, aggregator: "sum" };
  }

  registerIn(registry: Registry): this {
    registry.registerMetric(this as never);
    return this;
  }
}
