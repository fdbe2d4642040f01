// What helm makes of the chart. Debian has no package of helm, so where it is not installed only the files themselves are checked; the
// tests that need it are then counted as skipped. docs/decisions/0053-helm-chart.md.
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { readSettings } from "../../src/server/settings/read.ts";
import { SETTING_NAMES } from "../../src/server/settings/table.ts";
import { blocksOf, readPage, sectionOf } from "../docs/pages.ts";

const CHART = join(import.meta.dir, "../../deploy/helm/parley");
const HELM = Bun.which("helm", { PATH: `${process.env.PATH}:${process.env.HOME}/go/bin` });

const VALUES = readdirSync(join(CHART, "ci")).map((name) => join(CHART, "ci", name));

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: object; readonly annotations?: object };
  // biome-ignore lint/suspicious/noExplicitAny: manifests of many kinds, of which each test names the fields.
  readonly [field: string]: any;
}

function parse(path: string) {
  return Bun.YAML.parse(readFileSync(join(CHART, path), "utf8")) as Record<string, unknown>;
}

function helm(...words: string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([HELM!, ...words]);
  return { code: exitCode, output: `${stderr}${stdout}` };
}

/** The manifests for values, by kind; Services and others that come twice, by kind and name. */
function render(...values: string[]): Map<string, Manifest> {
  const { code, output } = helm("template", "chat", CHART, "--kube-version", "1.29.0", ...values);
  if (code !== 0) throw new Error(output);
  const all = (Bun.YAML.parse(output) as (Manifest | null)[]).flat().filter((it) => it !== null);
  return new Map(
    all.flatMap((it) => [[it.kind, it] as const, [`${it.kind} ${it.metadata.name}`, it] as const]),
  );
}

const podOf = (manifests: Map<string, Manifest>) =>
  (manifests.get("Deployment") ?? manifests.get("StatefulSet"))!.spec.template.spec;

const environmentOf = (manifests: Map<string, Manifest>): Record<string, string> =>
  Object.fromEntries(
    podOf(manifests).containers[0].env.map(({ name, value }: Record<string, string>) => [name, value]),
  );

test("OP5 the chart is of this version, and its values and examples are YAML with settings that exist", () => {
  expect(parse("Chart.yaml")).toMatchObject({ name: "parley", appVersion: manifest.version });
  const settings = ["values.yaml", ...VALUES.map((path) => path.slice(CHART.length + 1))].map(
    (path) => (parse(path) as { settings?: object }).settings ?? {},
  );
  expect(settings.flatMap(Object.keys).filter((name) => !SETTING_NAMES.includes(name as never))).toEqual([]);
  for (const name of readdirSync(join(CHART, "templates"))) {
    const text = readFileSync(join(CHART, "templates", name), "utf8");
    const blocks = (pattern: RegExp) => text.match(pattern)?.length ?? 0;
    expect(blocks(/\{\{-? (?:if|range|with|define) /g), name).toBe(
      blocks(/\{\{-? end /g) + blocks(/\{\{ end\}\}/g),
    );
  }
});

describe.if(HELM !== null)("OP5 with helm", () => {
  test("OP5 helm lint finds nothing wrong with the chart under any of its values", () => {
    for (const values of [[], ...VALUES.map((path) => ["-f", path])]) {
      const { code, output } = helm("lint", "--strict", CHART, ...values);
      expect(code, output).toBe(0);
    }
  });

  test("OP5 one replica on the embedded store has a volume, no budget that blocks updates, and no metrics if so wished", () => {
    const manifests = render();
    expect([...manifests.keys()].filter((key) => !key.includes(" ")).sort()).toEqual([
      "Service",
      "StatefulSet",
    ]);
    const { spec } = manifests.get("StatefulSet")!;
    expect(spec.volumeClaimTemplates[0].spec.resources.requests).toEqual({ storage: "10Gi" });
    const other = render("-f", join(CHART, "ci/embedded-values.yaml"));
    expect(other.get("StatefulSet")!.spec.volumeClaimTemplates).toBeUndefined();
    expect(podOf(other).volumes).toContainEqual({
      name: "data",
      persistentVolumeClaim: { claimName: "parley-data" },
    });
    expect(environmentOf(other)).not.toHaveProperty("METRICS_ADDRESS");
    expect(other.get("Service chat-parley-metrics")).toBeUndefined();
  });

  test("OP5 replicas on Redis have its secrets, a budget, an ingress for long connections, and are scraped", () => {
    const manifests = render("-f", join(CHART, "ci/redis-values.yaml"));
    const secret = manifests.get("Secret")!;
    expect(Object.keys(secret.stringData)).toEqual(["SECRET_KEY", "REDIS_URL"]);
    expect(podOf(manifests).containers[0].envFrom).toEqual([{ secretRef: { name: secret.metadata.name } }]);
    const env = { ...environmentOf(manifests), ...secret.stringData };
    expect(env).toMatchObject({ MAX_CONNECTIONS: "1000000", INACTIVITY_TIMEOUT: "0.5" });
    const read = readSettings({ env });
    if ("problems" in read) throw new Error(read.problems.join("\n"));
    const { matchLabels } = manifests.get("PodDisruptionBudget")!.spec.selector;
    const template = manifests.get("Deployment")!.spec.template;
    expect(template.metadata.labels).toMatchObject(matchLabels);
    expect(Object.values(manifests.get("Ingress")!.metadata.annotations!)).toEqual(["1m", "3600", "3600"]);
    const monitor = manifests.get("ServiceMonitor")!;
    expect(manifests.get("Service chat-parley-metrics")!.metadata).toMatchObject({
      labels: monitor.spec.selector.matchLabels,
    });
    expect(manifests.get("Service chat-parley")!.metadata.labels).not.toMatchObject(
      monitor.spec.selector.matchLabels,
    );
    const existing = render("-f", join(CHART, "ci/existing-secret-values.yaml"));
    expect(existing.get("Secret")).toBeUndefined();
    expect(podOf(existing).containers[0].envFrom).toEqual([{ secretRef: { name: "parley-secrets" } }]);
    expect(existing.get("ServiceMonitor")!.spec.endpoints[0].authorization).toEqual({
      credentials: { name: "parley-secrets", key: "METRICS_KEY" },
    });
  });

  test("OP5 a pod is not killed before its clients have left, whatever the drain is", () => {
    for (const drain of ["0", "10", "600"]) {
      const manifests = render("--set", `drainSeconds=${drain}`);
      const pod = podOf(manifests);
      const [, preStop] = pod.containers[0].lifecycle.preStop.exec.command;
      expect(environmentOf(manifests).DRAIN_SECONDS).toBe(drain);
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(Number(drain) + Number(preStop) + 5);
    }
    expect(() => render("--set", "settings.DRAIN_SECONDS=600")).toThrow("drainSeconds");
  });

  test("OP5 it runs without rights and writes to its volumes only; liveness does not ask for Redis", () => {
    const pod = podOf(render());
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true });
    const [{ securityContext, volumeMounts, livenessProbe, readinessProbe, startupProbe }] = pod.containers;
    expect(securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    const paths = volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath);
    expect(paths).toEqual(["/var/lib/parley", "/tmp"]);
    const asked = [livenessProbe, startupProbe, readinessProbe].map(({ httpGet }) => httpGet.path);
    expect(asked).toEqual(["/healthz", "/healthz", "/readyz"]);
  });

  test("OP5 the commands in OPERATIONS make what they say", () => {
    const blocks = blocksOf(sectionOf(readPage("docs/OPERATIONS.md"), "### Install in containers"))
      .map(({ text }) => text)
      .filter((text) => text.startsWith("helm install chat"));
    const kinds = blocks.map((text) => {
      const words = text
        .replaceAll("\\\n", "")
        .replace(/"\$\(.*?\)"/, "GzcZQ2b7mWq0")
        .trim()
        .split(/\s+/);
      return [...render(...words.slice(4)).keys()].filter((key) => !key.includes(" ")).sort();
    });
    expect(kinds).toEqual([
      ["Service", "StatefulSet"],
      ["Deployment", "Ingress", "PodDisruptionBudget", "Secret", "Service"],
    ]);
  });

  test("OP5 values that cannot work together are refused with a sentence", () => {
    const redis = "redis.url=redis://redis:6379";
    const refusals = [
      [["replicas=2"], "there is no redis.url"],
      [["replicas=2", redis], "every node needs the same SECRET_KEY"],
      [["redis.inExistingSecret=true", "secretKey=x"], "existingSecret names no Secret"],
      [["existingSecret=s", "secretKey=x"], "put SECRET_KEY and REDIS_URL there"],
      [["metrics.enabled=false", "metrics.serviceMonitor.enabled=true"], "needs metrics.enabled"],
      [["metrics.serviceMonitor.enabled=true", "metrics.serviceMonitor.withKey=true"], "METRICS_KEY"],
      [["settings.API_KEYS=x"], "is a secret"],
      [["replica=2"], "replica"],
      [["redis.url=http://redis"], "redis.url"],
    ] as const;
    for (const [values, sentence] of refusals)
      expect(() => render(...values.flatMap((value) => ["--set", value]))).toThrow(sentence);
  });
});
