import { timingSafeEqual } from "node:crypto";
import { problem } from "../http/problem.ts";
import { BoundedRenderer } from "./bounded-renderer.ts";
import type { ServerMetrics } from "./server-metrics.ts";

/** Where metrics are read. */
export interface MetricsAddress {
  readonly hostname: string;
  readonly port: number;
}

/** `GET /metrics` on a listener of its own, so that the public port never has it (SEC-P4). */
export class MetricsListener {
  readonly url: string;
  private readonly server: Bun.Server<undefined>;

  /** `key` is asked for as a bearer token where it is set. Throws what the system says where the address cannot be listened on. */
  constructor({ hostname, port }: MetricsAddress, key: string | undefined, metrics: ServerMetrics) {
    const renderer = new BoundedRenderer(
      () => metrics.read(),
      () => performance.now(),
    );
    this.server = Bun.serve({
      hostname,
      port,
      maxRequestBodySize: 0,
      async fetch(request) {
        const { pathname } = new URL(request.url);
        if (pathname !== "/metrics") return problem("not_found", { detail: "Metrics are at `/metrics`." });
        if (request.method !== "GET" && request.method !== "HEAD")
          return problem("method_not_allowed", { headers: { Allow: "GET, HEAD" } });
        if (key !== undefined && !isKey(request.headers.get("authorization"), key))
          return problem("unauthorized", {
            detail: "Send METRICS_KEY as `Authorization: Bearer …`.",
            headers: { "WWW-Authenticate": "Bearer" },
          });
        return new Response(await renderer.read(), { headers: { "Content-Type": metrics.contentType } });
      },
      error: () => problem("internal"),
    });
    this.url = `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${this.server.port}/metrics`;
  }

  stop(): Promise<void> {
    return this.server.stop(true);
  }
}

/** Compares in constant time. */
function isKey(authorization: string | null, key: string): boolean {
  const [expected, given] = [`Bearer ${key}`, authorization ?? ""].map((text) =>
    new Bun.CryptoHasher("sha256").update(text).digest(),
  );
  return timingSafeEqual(expected!, given!);
}
