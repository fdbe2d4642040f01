import { problem } from "../problem.ts";

/** `GET /healthz`: the process runs. It does not check the store, so that an unavailable store does not restart servers. */
export function healthRoute(): Response {
  return Response.json({ status: "ok" }, { headers: { "Cache-Control": "no-store" } });
}

/** `GET /readyz`: whether this server should get new clients: 503 while it drains or its store cannot be written. */
export function readyRoute(ready: () => boolean): () => Response {
  return () =>
    ready()
      ? Response.json({ status: "ready" }, { headers: { "Cache-Control": "no-store" } })
      : problem("unavailable", {
          detail: "This server is shutting down, or its store cannot be reached or refuses writes.",
          headers: { "Retry-After": "5" },
        });
}
