// docs/METRICS.md: the table of metrics, from the code.
import { METRICS, type MetricDefinition } from "../../src/server/metrics/table.ts";

/** Returns docs/METRICS.md. */
export function metricsPage(): string {
  const rows = Object.entries<MetricDefinition>(METRICS).map(
    ([name, { type, help, labels = [], buckets }]) =>
      `| \`${name}${type === "counter" ? "_total" : ""}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(", ") || "–"} | ${help}${buckets === undefined ? "" : `; buckets to ${buckets.join(", ")}`} |`,
  );
  return `# Metrics

<!-- Made by docs/generate/main.ts from src/server/metrics/table.ts. Change it there, then: npm run docs -->

The guarantee is rule OP1 in [OPERATIONS.md](OPERATIONS.md#metrics).

\`\`\`sh
METRICS_ADDRESS=127.0.0.1:9100 npx parley serve
curl -s http://127.0.0.1:9100/metrics                                         # without METRICS_KEY
curl -s http://127.0.0.1:9100/metrics -H "Authorization: Bearer $METRICS_KEY"   # with it; else 401
\`\`\`

The format is OpenMetrics, which Prometheus and its relatives read. \`promtool check metrics\` expects the older text format: it prints "no help text"
for the counters, whose help stands under the name without \`_total\` here. You may ignore this message. With \`METRICS_KEY\` the scraper has to send
\`Authorization: Bearer {METRICS_KEY}\`; set it where other machines can reach the address. Each node has metrics of its own: scrape all of them.

\`\`\`yaml
scrape_configs:
  - job_name: parley
    authorization: { credentials: the METRICS_KEY }
    static_configs: [{ targets: ["node1:9100", "node2:9100"] }]
\`\`\`

| metric | type | labels | what it is |
| --- | --- | --- | --- |
${rows.join("\n")}

Times are in seconds, sizes in bytes. A histogram has \`_bucket\`, \`_sum\` and \`_count\`. What to look at first: \`parley_store_up\` (0: nothing is
stored), the p99 of \`parley_ack_seconds\` and of \`parley_event_loop_delay_seconds\` (above 0.1: the node has too much to do), and
\`parley_slow_readers\`.
`;
}
