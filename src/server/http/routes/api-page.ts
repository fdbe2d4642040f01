import { type CallerDeps, findCaller } from "../caller.ts";
import type { HttpContext } from "../context.ts";
import { problem } from "../problem.ts";
import { type Page, pageRoute } from "./page.ts";

/** The paths of the description of the HTTP API: for programs, for people, and what its page loads. */
export const API_PAGE_PATHS = ["/openapi.json", "/docs", "/docs/style.css"] as const;

export interface ApiPageDeps extends CallerDeps {
  /** Returns the files by their paths; they are made at the first call. */
  readonly apiPage: () => Promise<Page>;
}

/**
 * `GET /openapi.json` and `GET /docs`: the HTTP API as OpenAPI 3.1 and as a page. Programs on this machine may read them, and those with
 * an API key (SEC-P4): a stranger does not learn which addresses there are to try. A client behind a proxy on this machine counts as remote.
 */
export function apiPageRoute(
  deps: ApiPageDeps,
  path: (typeof API_PAGE_PATHS)[number],
): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    if (!c.env.onThisMachine) {
      const caller = await findCaller(deps, c);
      if (caller instanceof Response) return caller;
      if (!caller.isKey) {
        const reason = "From another machine only an API key may read the description of the API.";
        deps.emit("request.refused", { ...caller.logFields, path, code: "forbidden", reason });
        return problem("forbidden", { detail: reason });
      }
    }
    const file = (await deps.apiPage()).get(path);
    return file === undefined ? problem("not_found") : pageRoute(file)(c);
  };
}
