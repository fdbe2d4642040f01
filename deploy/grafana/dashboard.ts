// The Grafana dashboard, as a list of its panels; `npm run docs` writes deploy/grafana/parley.json from it. Every metric of
// src/server/metrics/table.ts is on it.

type Unit = "short" | "ops" | "s" | "bytes" | "bool";

interface Query {
  readonly expr: string;
  /** The name of a line, with labels as `{{code}}`. */
  readonly legend: string;
}

interface PanelDefinition {
  readonly title: string;
  /** What to look for. */
  readonly about: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** One number instead of lines. */
  readonly stat?: true;
}

interface Row {
  readonly title: string;
  readonly panels: readonly PanelDefinition[];
}

/** Heights in Grafana's grid, and its columns. */
const HEIGHT = { row: 1, stat: 4, lines: 8 };
const COLUMNS = 24;

/** The series of the chosen job and nodes: `series("parley_resumes_total", 'result="lost"')`. */
function series(name: string, more = ""): string {
  return `${name}{job="$job", instance=~"$node"${more === "" ? "" : `, ${more}`}}`;
}

/** Events a second, added up by labels. */
function perSecond(name: string, by = ""): string {
  return `sum${by === "" ? "" : ` by (${by})`} (rate(${series(name)}[$__rate_interval]))`;
}

/** Median and 99th percentile of a histogram over the chosen nodes. */
function percentiles(name: string): Query[] {
  return [0.5, 0.99].map((share) => ({
    expr: `histogram_quantile(${share}, ${perSecond(`${name}_bucket`, "le")})`,
    legend: `p${share * 100}`,
  }));
}

const ROWS: readonly Row[] = [
  {
    title: "Overview",
    panels: [
      stat(
        "Store",
        "1: it can be written on all nodes. 0: messages are refused.",
        "bool",
        `min(${series("parley_store_up")})`,
      ),
      stat("Nodes", "Nodes that answer the scrape.", "short", `sum(up{job="$job", instance=~"$node"})`),
      stat(
        "Connections",
        "Clients that are connected.",
        "short",
        `sum(${series("parley_connections", 'phase="live"')})`,
      ),
      stat(
        "Messages stored",
        "A second, over all nodes.",
        "ops",
        `sum(rate(${series("parley_messages_total", 'outcome="stored"')}[$__rate_interval]))`,
      ),
      stat(
        "Ack, p99",
        "Of a hundred messages, 99 are acked within this time.",
        "s",
        percentiles("parley_ack_seconds")[1]!.expr,
      ),
      {
        title: "Versions",
        about: "Nodes by version and store. More than one version: an update is under way.",
        unit: "short",
        stat: true,
        queries: [
          {
            expr: `count by (version, engine) (${series("parley_build_info")})`,
            legend: "{{version}} {{engine}}",
          },
        ],
      },
    ],
  },
  {
    title: "Connections",
    panels: [
      lines("Connections by node", "A node without any is not reached by the balancer.", "short", [
        {
          expr: `sum by (instance, phase) (${series("parley_connections")})`,
          legend: "{{instance}} {{phase}}",
        },
      ]),
      lines(
        "Opened and closed",
        "By close code: 1000, 1001 and 1006 are clients that left; see ERRORS.md for the others.",
        "ops",
        [
          { expr: perSecond("parley_connections_opened_total"), legend: "opened" },
          { expr: perSecond("parley_connections_closed_total", "code"), legend: "closed {{code}}" },
        ],
      ),
      lines("Resumes", "Clients that came back. `lost`: the store has lost messages that they had.", "ops", [
        { expr: perSecond("parley_resumes_total", "result"), legend: "{{result}}" },
      ]),
      lines(
        "Handshakes refused",
        "`unavailable`: MAX_CONNECTIONS is reached; `origin_refused`: a page that ALLOWED_ORIGINS lacks.",
        "ops",
        [{ expr: perSecond("parley_handshakes_refused_total", "code"), legend: "{{code}}" }],
      ),
      lines("Open conversations", "Conversations that are open on a socket, by node.", "short", [
        { expr: `sum by (instance) (${series("parley_conversations_open")})`, legend: "{{instance}}" },
      ]),
      lines("Certificate", "How long that of TLS_CERT is still valid. Nothing without TLS_CERT.", "s", [
        { expr: series("parley_certificate_left_seconds"), legend: "{{instance}}" },
        { expr: series("parley_certificate_lifetime_seconds"), legend: "{{instance}} in all" },
      ]),
      lines(
        "Frames of clients",
        "Their size. Larger than before: a client sends more than it did.",
        "bytes",
        percentiles("parley_frame_bytes"),
      ),
    ],
  },
  {
    title: "Messages",
    panels: [
      lines("Messages by outcome", "`unavailable` and `unapproved` should be 0.", "ops", [
        { expr: perSecond("parley_messages_total", "outcome"), legend: "{{outcome}}" },
      ]),
      lines("Delivered", "Message frames that were sent to clients, by node.", "ops", [
        { expr: perSecond("parley_messages_delivered_total", "instance"), legend: "{{instance}}" },
      ]),
      lines("Refused requests", "Frames and HTTP requests by error code; see ERRORS.md.", "ops", [
        { expr: perSecond("parley_requests_refused_total", "code"), legend: "{{code}}" },
      ]),
      lines("Over the plan", "Requests that the quota of a plan refused.", "ops", [
        { expr: perSecond("parley_quota_refusals_total", "plan"), legend: "{{plan}}" },
      ]),
      lines(
        "Approval",
        "Answers of the server at APPROVAL_URL. `failed` and `skipped`: APPROVAL_FAIL decided without it.",
        "ops",
        [{ expr: perSecond("parley_approval_requests_total", "result"), legend: "{{result}}" }],
      ),
    ],
  },
  {
    title: "Times",
    panels: [
      lines("Ack", "From the arrival of a message to its ack.", "s", percentiles("parley_ack_seconds")),
      lines(
        "Delivery",
        "From the time at which a message was stored to its delivery.",
        "s",
        percentiles("parley_delivery_seconds"),
      ),
      lines(
        "Store",
        "One batch of requests in the store. High together with the acks: look at Redis, or the disk.",
        "s",
        percentiles("parley_store_batch_seconds"),
      ),
      lines("Event loop, p99", "How late timers run. Above 0.1 s: the node has too much to do.", "s", [
        {
          expr: `histogram_quantile(0.99, ${perSecond("parley_event_loop_delay_seconds_bucket", "instance, le")})`,
          legend: "{{instance}}",
        },
      ]),
    ],
  },
  {
    title: "Readers, streams, webhooks",
    panels: [
      lines("Unsent bytes", "What waits to be sent, by node.", "bytes", [
        { expr: `sum by (instance) (${series("parley_unsent_bytes")})`, legend: "{{instance}}" },
      ]),
      lines("Slow readers", "Sockets for which more than 64 KiB wait.", "short", [
        { expr: `sum by (instance) (${series("parley_slow_readers")})`, legend: "{{instance}}" },
      ]),
      lines("Open streams", "Messages that are being written, by node.", "short", [
        { expr: `sum by (instance) (${series("parley_streams_open")})`, legend: "{{instance}}" },
      ]),
      lines("Ended streams", "`interrupted`: their writers were gone.", "ops", [
        { expr: perSecond("parley_streams_ended_total", "state"), legend: "{{state}}" },
      ]),
      lines("Requests to webhooks", "`failed` ones are tried again.", "ops", [
        { expr: perSecond("parley_webhook_attempts_total", "result"), legend: "{{result}}" },
      ]),
      lines("Webhooks", "Paused and ended ones get nothing; a failing one is tried again.", "short", [
        { expr: `max by (state) (${series("parley_webhooks")})`, legend: "{{state}}" },
      ]),
      lines("Feed lag", "The age of the oldest event that a reader has not handled.", "s", [
        { expr: `max by (reader) (${series("parley_feed_lag_seconds")})`, legend: "{{reader}}" },
        { expr: `max(${series("parley_webhook_retry_age_seconds")})`, legend: "since the first attempt" },
      ]),
    ],
  },
];

function stat(title: string, about: string, unit: Unit, expr: string): PanelDefinition {
  return { title, about, unit, stat: true, queries: [{ expr, legend: title }] };
}

function lines(title: string, about: string, unit: Unit, queries: readonly Query[]): PanelDefinition {
  return { title, about, unit, queries };
}

/** Numbers stand in one line, lines of time three beside each other, or two. */
function linesOf(panels: readonly PanelDefinition[]): (readonly PanelDefinition[])[] {
  if (panels[0]!.stat) return [panels];
  const first = panels.length % 3 === 1 ? 2 : 3;
  return panels.length <= first ? [panels] : [panels.slice(0, first), ...linesOf(panels.slice(first))];
}

/** Returns deploy/grafana/parley.json, which Grafana imports. */
export function dashboardJson(): string {
  return `${JSON.stringify(dashboard(), null, 2)}\n`;
}

function dashboard() {
  const panels: object[] = [];
  let y = 0;
  const add = (place: { x: number; w: number; h: number }, content: object) =>
    panels.push({ id: panels.length + 1, gridPos: { ...place, y }, ...content });
  for (const row of ROWS) {
    add({ x: 0, w: COLUMNS, h: HEIGHT.row }, { type: "row", title: row.title, collapsed: false, panels: [] });
    y += HEIGHT.row;
    for (const line of linesOf(row.panels)) {
      const w = COLUMNS / line.length;
      const h = line[0]!.stat ? HEIGHT.stat : HEIGHT.lines;
      for (const [i, definition] of line.entries()) add({ x: i * w, w, h }, panel(definition));
      y += h;
    }
  }
  return {
    uid: "parley",
    title: "Parley",
    description: "Made by npm run docs from deploy/grafana/dashboard.ts.",
    tags: ["parley"],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    timezone: "",
    templating: { list: VARIABLES },
    annotations: { list: [] },
    links: [],
    panels,
  };
}

const DATASOURCE = { type: "prometheus", uid: "$datasource" };

const VARIABLES = [
  { name: "datasource", label: "Data source", type: "datasource", query: "prometheus", current: {} },
  labelVariable("job", "Job", "label_values(parley_build_info, job)", {}),
  labelVariable("node", "Node", 'label_values(parley_build_info{job="$job"}, instance)', {
    multi: true,
    includeAll: true,
    allValue: ".*",
    current: { text: ["All"], value: ["$__all"] },
  }),
];

function labelVariable(name: string, label: string, query: string, more: object) {
  const common = { type: "query", datasource: DATASOURCE, definition: query, refresh: 2, sort: 1 };
  return { name, label, ...common, query: { query, refId: name }, ...more };
}

function panel({ title, about, unit, stat: isStat, queries }: PanelDefinition) {
  const targets = queries.map(({ expr, legend }, i) => ({
    refId: String.fromCharCode(65 + i),
    datasource: DATASOURCE,
    expr,
    legendFormat: legend,
    range: true,
  }));
  const mappings = [
    { type: "value", options: { 0: { text: "down", color: "red" }, 1: { text: "up", color: "green" } } },
  ];
  const defaults = unit === "bool" ? { unit: "none", mappings } : { unit, min: 0, mappings: [] };
  return {
    type: isStat ? "stat" : "timeseries",
    title,
    description: about,
    datasource: DATASOURCE,
    targets,
    fieldConfig: { defaults, overrides: [] },
    options: isStat
      ? { reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false }, textMode: "auto" }
      : {
          legend: { displayMode: "list", placement: "bottom", showLegend: true },
          tooltip: { mode: "multi", sort: "desc" },
        },
  };
}
